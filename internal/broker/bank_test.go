package broker

import (
	"context"
	"flag"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/broker/banktest"
	"github.com/evidentlog/evident/internal/vfs"
)

var (
	bankOutages = flag.Int("bank.outages", 2, "how often the bank's broker loses power")
	bankSeed    = flag.Uint64("bank.seed", 0, "what happens to the bank; 0: something new")
)

// Money is neither made nor lost, while workers are killed and frozen and the
// broker loses power.
func TestMoneyIsNeitherMadeNorLost(t *testing.T) {
	eachClient(t, func(t *testing.T, opts ...kgo.Opt) {
		rob(t, banktest.Config{Client: opts, Life: time.Second, Static: true})
	})
	// The partitions of a member that was killed wait for the end of its session,
	// so members live longer than that.
	t.Run("consumer group", func(t *testing.T) {
		rob(t, banktest.Config{Client: []kgo.Opt{kgo.ServerSideBalancer()}, Life: 3 * time.Second}, func(c *Config) {
			c.ConsumerHeartbeat, c.ConsumerSession = 50*time.Millisecond, 500*time.Millisecond
		})
	})
}

func rob(t *testing.T, cfg banktest.Config, change ...func(*Config)) {
	cfg.Seed = *bankSeed
	if cfg.Seed == 0 {
		cfg.Seed = rand.Uint64()
	}
	t.Logf("seed %d", cfg.Seed)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute+time.Duration(*bankOutages)*5*time.Second)
	defer cancel()
	p := newPowerPlant(t, cfg.Seed, append(change, fewPartitions)...)
	cfg.Name, cfg.Orders, cfg.Accounts, cfg.Workers = "bank", 100, 10, 3
	cfg.Dial, cfg.Logf = p.dial, t.Logf
	cfg.Enough = func() bool { return p.outages.Load() >= int64(*bankOutages) }
	bank, err := banktest.Open(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer bank.Close()
	outages, stop := context.WithCancel(ctx)
	var working sync.WaitGroup
	working.Go(func() { p.run(outages) })
	err = bank.Run(ctx)
	stop()
	working.Wait()
	if err == nil {
		err = bank.Check(ctx)
	}
	if err != nil {
		t.Error(err)
	}
	t.Logf("%d orders, %d outages", bank.Orders(), p.outages.Load())
}

// powerPlant is a broker that loses power now and then.
type powerPlant struct {
	t      *testing.T
	rng    *rand.Rand // owned by run
	change []func(*Config)

	outages atomic.Int64

	mu     sync.Mutex
	server *server // nil while there is no power
}

func newPowerPlant(t *testing.T, seed uint64, change ...func(*Config)) *powerPlant {
	p := &powerPlant{t: t, rng: rand.New(rand.NewPCG(seed, 0)), change: change}
	p.server = start(t, change...)
	return p
}

// errOutage is what the operating system says, for clients to try again.
var errOutage = &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}

func (p *powerPlant) dial(ctx context.Context) (net.Conn, error) {
	p.mu.Lock()
	s := p.server
	p.mu.Unlock()
	if s == nil {
		return nil, errOutage
	}
	return new(net.Dialer).DialContext(ctx, "tcp", s.addr)
}

func (p *powerPlant) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Duration(300+p.rng.IntN(1000)) * time.Millisecond):
			p.outage()
		}
	}
}

// outage cuts the power, keeps what a disk may keep, and starts again.
func (p *powerPlant) outage() {
	p.mu.Lock()
	s := p.server
	p.server = nil
	p.mu.Unlock()
	left := s.fs.(*vfs.Mem).Crash(vfs.KeepRandom(p.rng.Uint64()))
	s.abandon()
	p.t.Log("the broker has lost power")
	s = startOn(p.t, left, p.change...)
	p.mu.Lock()
	p.server = s
	p.mu.Unlock()
	p.outages.Add(1)
}
