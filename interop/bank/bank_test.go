package bank

import (
	"context"
	"flag"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/broker/banktest"
	"github.com/evidentlog/evident/interop/evident"
)

var (
	kills    = flag.Int("kills", 20, "how often the node is killed under each kind of consumer group")
	prebuilt = flag.String("program", "", "evident to run instead of building it")
	folder   = flag.String("folder", "", "where the node's data is kept after the test (default: nowhere)")
	seed     = flag.Uint64("seed", 0, "repeats the moments of an earlier run; 0 takes new ones")
)

// Money is neither made nor lost while workers are killed and frozen, and the
// node is killed and started again.
func TestMoneyIsNeitherMadeNorLostThroughKill9(t *testing.T) {
	t.Run("classic group", func(t *testing.T) {
		rob(t, banktest.Config{Life: time.Second, Static: true})
	})
	// The partitions of a member that was killed wait for the end of its session,
	// so members live longer than that.
	t.Run("consumer group", func(t *testing.T) {
		rob(t, banktest.Config{Life: 5 * time.Second, Client: []kgo.Opt{kgo.ServerSideBalancer()}},
			"--group-consumer-session-timeout", "1s", "--group-consumer-heartbeat-interval", "100ms")
	})
}

func rob(t *testing.T, cfg banktest.Config, flags ...string) {
	moments := *seed
	if moments == 0 {
		moments = rand.Uint64()
	}
	t.Logf("moments of -seed %d", moments)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute+time.Duration(*kills)*10*time.Second)
	defer cancel()
	k := &killer{
		server: evident.ForTest(t, *prebuilt, *folder, append(flags, "--group-initial-rebalance-delay", "0s")...),
		rng:    rand.New(rand.NewPCG(moments, 0)), left: *kills, logf: t.Logf,
	}
	cfg.Orders, cfg.Accounts, cfg.Workers, cfg.Seed = 100, 10, 3, moments
	cfg.Dial, cfg.Enough, cfg.Logf = k.dial, k.satisfied, t.Logf
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
	t.Logf("%d kills of the node; %d orders, each carried out once", *kills, b.Orders())
}

// killer kills a node again and again.
type killer struct {
	server *evident.Server
	rng    *rand.Rand // owned by run
	logf   func(format string, args ...any)

	mu   sync.Mutex
	left int
}

func (k *killer) dial(ctx context.Context) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "tcp", k.server.Address)
}

// satisfied tells whether it killed as often as it should.
func (k *killer) satisfied() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.left == 0
}

// during kills while work is done. When work returns the node is up.
func (k *killer) during(ctx context.Context, work func(context.Context) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	done := make(chan struct{})
	var killing sync.WaitGroup
	killing.Go(func() {
		if err := k.run(ctx, done); err != nil {
			stop(err)
		}
	})
	err := work(ctx)
	close(done)
	killing.Wait()
	return err
}

func (k *killer) run(ctx context.Context, done <-chan struct{}) error {
	for !k.satisfied() {
		select {
		case <-done:
			return nil
		case <-time.After(time.Duration(100+k.rng.IntN(1900)) * time.Millisecond):
		}
		if err := k.server.Crash(ctx, k.rng); err != nil {
			return err
		}
		k.mu.Lock()
		k.left--
		k.logf("the node was killed; to be killed again: %d times", k.left)
		k.mu.Unlock()
	}
	return nil
}
