package crash

import (
	"context"
	"flag"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/interop/evident"
)

var (
	crashes  = flag.Int("crashes", 100, "how often the server is killed")
	prebuilt = flag.String("program", "", "evident to run instead of building it")
	folder   = flag.String("folder", "", "where the server's data is kept after the test (default: nowhere)")
	seed     = flag.Uint64("seed", 0, "repeats the moments of an earlier run; 0 takes new ones")
)

func TestAcknowledgedRecordsSurviveKill9(t *testing.T) {
	ctx := t.Context()
	s := evident.ForTest(t, evident.Config{Program: *prebuilt, Data: *folder})
	createTopic(t, s)
	p, err := newProducer(s.Address)
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
		if err := s.Crash(ctx, rng); err != nil {
			t.Fatalf("crash %d: %v", n+1, err)
		}
		if err := check(ctx, s.Address, checked, acked); err != nil {
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
	if err := check(ctx, s.Address, [partitions]int64{}, p.acked()); err != nil {
		t.Fatalf("in the end: %v", err)
	}
	t.Logf("%d crashes; acknowledged records, all there, once, in order: %v", *crashes, p.acked())
}

func createTopic(t *testing.T, s *evident.Server) {
	t.Helper()
	adm, err := kadm.NewOptClient(kgo.SeedBrokers(s.Address))
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
