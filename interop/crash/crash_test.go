package crash

import (
	"context"
	"flag"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

var (
	crashes  = flag.Int("crashes", 100, "how often the server is killed")
	prebuilt = flag.String("program", "", "evident to run instead of building it")
	folder   = flag.String("folder", "", "where the server's data is kept after the test (default: nowhere)")
	seed     = flag.Uint64("seed", 0, "repeats the moments of an earlier run; 0 takes new ones")
)

func TestAcknowledgedRecordsSurviveKill9(t *testing.T) {
	ctx := t.Context()
	s := newServer(t)
	createTopic(t, s)
	p, err := newProducer(s.address)
	if err != nil {
		t.Fatal(err)
	}
	load, stop := context.WithCancel(ctx)
	produced := make(chan error, 1)
	go func() { produced <- p.run(load) }()
	defer func() {
		stop()
		p.cl.Close()
		<-produced
	}()

	rng := newRand(t)
	var checked [partitions]int64
	for n := range *crashes {
		time.Sleep(between(rng, 20*time.Millisecond, 500*time.Millisecond))
		acked := p.acked()
		crash(t, s, rng)
		if err := check(ctx, s.address, checked, acked); err != nil {
			t.Fatalf("after crash %d: %v", n+1, err)
		}
		if err := p.failure(); err != nil {
			t.Fatalf("after crash %d: %v", n+1, err)
		}
		checked = acked
	}
	stop()
	err = <-produced
	produced <- nil // for the deferred wait
	if err != nil {
		t.Fatal(err)
	}
	if err := check(ctx, s.address, [partitions]int64{}, p.acked()); err != nil {
		t.Fatalf("in the end: %v", err)
	}
	t.Logf("%d crashes; acknowledged records, all there, once, in order: %v", *crashes, p.acked())
}

// newServer builds and starts a server that ends with the test.
func newServer(t *testing.T) *server {
	t.Helper()
	dir := t.TempDir()
	program := *prebuilt
	if program == "" {
		var err error
		if program, err = build(t.Context(), dir); err != nil {
			t.Fatal(err)
		}
	}
	address, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	if *folder != "" {
		data = *folder
	}
	s := &server{program: program, data: data, address: address}
	start(t, s)
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill() // fails if a start failed, which was told then
		_ = s.cmd.Wait()
		if t.Failed() {
			t.Logf("the server said:\n%s", s.logged())
		}
	})
	return s
}

func start(t *testing.T, s *server) {
	t.Helper()
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
	if err := s.waitReady(t.Context()); err != nil {
		_ = s.kill() // for its log
		t.Fatalf("%v\n%s", err, s.logged())
	}
}

// crash kills the server and starts it again; every fourth time it is killed
// once more while it starts, so that recovery itself is cut short.
func crash(t *testing.T, s *server, rng *rand.Rand) {
	t.Helper()
	if err := s.kill(); err != nil {
		t.Fatal(err)
	}
	if rng.IntN(4) == 0 {
		if err := s.start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(between(rng, 0, 60*time.Millisecond))
		if err := s.kill(); err != nil {
			t.Fatal(err)
		}
	}
	start(t, s)
}

func createTopic(t *testing.T, s *server) {
	t.Helper()
	adm, err := kadm.NewOptClient(kgo.SeedBrokers(s.address))
	if err != nil {
		t.Fatal(err)
	}
	defer adm.Close()
	if _, err := adm.CreateTopic(t.Context(), partitions, 1, nil, topic); err != nil {
		t.Fatal(err)
	}
}

// newRand tells its seed, with which a run can be repeated as far as the
// machine allows.
func newRand(t *testing.T) *rand.Rand {
	t.Helper()
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	t.Logf("moments of -seed %d", *seed)
	return rand.New(rand.NewPCG(*seed, 0))
}

func between(rng *rand.Rand, low, high time.Duration) time.Duration {
	return low + time.Duration(rng.Int64N(int64(high-low)))
}
