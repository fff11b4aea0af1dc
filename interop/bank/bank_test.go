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
	cfg.Seed = *seed
	if cfg.Seed == 0 {
		cfg.Seed = rand.Uint64()
	}
	t.Logf("moments of -seed %d", cfg.Seed)
	p := meet(t, *folder)
	k := &killer{server: p.server, rng: rand.New(rand.NewPCG(cfg.Seed, 0)), logf: t.Logf}
	cfg.Orders, cfg.Accounts, cfg.Workers = 1000, 10, 3
	if p.server != nil {
		k.left, cfg.Orders = *kills, 100 // again and again, until it was killed as often
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute+time.Duration(k.left)*10*time.Second)
	defer cancel()
	cfg.Name = p.name(cfg.Name)
	cfg.Dial = func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", p.addresses[0])
	}
	cfg.Enough, cfg.Logf = k.satisfied, t.Logf
	b, err := banktest.Open(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := k.during(ctx, b.Run); err != nil {
		t.Fatal(err)
	}
	if err := b.Check(ctx); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d orders, each carried out once", b.Orders())
}
