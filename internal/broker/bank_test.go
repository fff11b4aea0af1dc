package broker

import (
	"context"
	"errors"
	"flag"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/broker/banktest"
	"github.com/evidentlog/evident/internal/vfs"
)

var (
	bankOrders = flag.Int("bank.orders", 300, "how many orders the bank carries out")
	bankSeed   = flag.Uint64("bank.seed", 0, "what happens to the bank; 0: something new")
)

// Money is neither made nor lost, while workers are killed and frozen and the
// broker loses power.
func TestMoneyIsNeitherMadeNorLost(t *testing.T) {
	eachClient(t, func(t *testing.T, opts ...kgo.Opt) {
		seed := *bankSeed
		if seed == 0 {
			seed = rand.Uint64()
		}
		t.Logf("seed %d", seed)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		p := newPowerPlant(t, seed)
		bank, err := banktest.Open(ctx, banktest.Config{
			Name: "bank", Dial: p.dial, Client: opts, Orders: *bankOrders, Accounts: 10, Workers: 3,
			Life: time.Second, Static: true, Seed: seed, Logf: t.Logf,
		})
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
	})
}

// powerPlant is a broker that loses power now and then.
type powerPlant struct {
	t   *testing.T
	rng *rand.Rand // owned by run

	mu     sync.Mutex
	server *server // nil while there is no power
}

func newPowerPlant(t *testing.T, seed uint64) *powerPlant {
	p := &powerPlant{t: t, rng: rand.New(rand.NewPCG(seed, 0))}
	p.server = start(t, fewPartitions)
	return p
}

var errOutage = errors.New("the broker has no power")

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
	s = startOn(p.t, left, fewPartitions)
	p.mu.Lock()
	p.server = s
	p.mu.Unlock()
}
