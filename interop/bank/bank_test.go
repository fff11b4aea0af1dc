package bank

import (
	"context"
	"flag"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/broker/banktest"
)

var (
	kills    = flag.Int("kills", 20, "how often the node is killed under each kind of consumer group")
	prebuilt = flag.String("program", "", "evident to run instead of building it")
	folder   = flag.String("folder", "", "where the node's data is kept after the test (default: nowhere)")
	seed     = flag.Uint64("seed", 0, "repeats the moments of an earlier run; 0 takes new ones")
)

// Money is neither made nor lost while workers are killed and frozen, and the
// node, if it is ours, is killed and started again.
func TestMoneyIsNeitherMadeNorLostThroughKill9(t *testing.T) {
	t.Run("classic group", func(t *testing.T) {
		rob(t, banktest.Config{Name: "classic", Life: time.Second, Static: true})
	})
	// The partitions of a member that was killed wait for the end of its session,
	// so members live longer than that.
	t.Run("consumer group", func(t *testing.T) {
		rob(t, banktest.Config{Name: "consumer", Life: 5 * time.Second, Client: []kgo.Opt{kgo.ServerSideBalancer()}})
	})
}

func rob(t *testing.T, cfg banktest.Config) {
	p := meet(t, *folder)
	cfg.Name, cfg.Seed = p.name(cfg.Name), moments(t)
	if p.server == nil {
		cfg.Orders = 1000
		run(t, &saboteur{}, cfg, p.addresses[0])
		return
	}
	cfg.Orders = 100 // again and again, until it was killed as often
	k := &killer{server: p.server, rng: rand.New(rand.NewPCG(cfg.Seed, 0)), logf: t.Logf}
	run(t, &saboteur{wait: k.wait, strike: k.strike, left: *kills}, cfg, p.addresses[0])
	t.Logf("%d kills of the node", *kills)
}

// run runs a bank while s does harm, and checks it.
func run(t *testing.T, s *saboteur, cfg banktest.Config, address string) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute+time.Duration(s.left)*10*time.Second)
	defer cancel()
	cfg.Accounts, cfg.Workers = 10, 3
	cfg.Dial = func(ctx context.Context) (net.Conn, error) { return new(net.Dialer).DialContext(ctx, "tcp", address) }
	cfg.Enough, cfg.Logf = s.satisfied, t.Logf
	b, err := banktest.Open(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := s.during(ctx, b.Run); err != nil {
		t.Fatal(err)
	}
	if err := b.Check(ctx); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d orders, each carried out once", b.Orders())
}

// moments decides on what happens when, as far as the machine allows.
func moments(t *testing.T) uint64 {
	m := *seed
	if m == 0 {
		m = rand.Uint64()
	}
	t.Logf("moments of -seed %d", m)
	return m
}
