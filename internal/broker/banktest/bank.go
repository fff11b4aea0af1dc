package banktest

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Config configures a [Bank]. All fields but Client are required.
type Config struct {
	// Dial connects to the broker, whatever address it is asked for, so that the
	// broker may move when it starts again.
	Dial func(context.Context) (net.Conn, error)
	// Client are further options of all clients, such as the versions they speak.
	Client []kgo.Opt
	// Orders is how many there are, Accounts between how many accounts, Workers
	// how many carry them out.
	Orders, Accounts, Workers int
	// Seed decides on orders, and on what happens to workers as far as time
	// allows.
	Seed uint64
	// Logf is told what happens to workers.
	Logf func(format string, args ...any)
}

const (
	ordersTopic, entriesTopic = "orders", "entries"
	partitions                = 4
	group                     = "bank"
)

// order moves money.
type order struct {
	ID       int
	From, To int
	Amount   int64
}

// entry is one side of an order.
type entry struct {
	Order   int
	Account int
	Amount  int64 // negative: taken away
}

// Bank is the orders and the workers that carry them out.
type Bank struct {
	cfg    Config
	orders []order
	admin  *kadm.Client
}

// Open creates the topics and writes the orders.
func Open(ctx context.Context, cfg Config) (*Bank, error) {
	b := &Bank{cfg: cfg}
	rng := rand.New(rand.NewPCG(cfg.Seed, 1))
	for id := range cfg.Orders {
		from := rng.IntN(cfg.Accounts)
		to := (from + 1 + rng.IntN(cfg.Accounts-1)) % cfg.Accounts
		b.orders = append(b.orders, order{id, from, to, 1 + rng.Int64N(1000)})
	}
	cl, err := kgo.NewClient(b.options(new(wire))...)
	if err != nil {
		return nil, err
	}
	b.admin = kadm.NewClient(cl)
	if err := b.fill(ctx, cl); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// Close closes the connection. It is called when Run has returned.
func (b *Bank) Close() { b.admin.Close() }

func (b *Bank) fill(ctx context.Context, cl *kgo.Client) error {
	created, err := b.admin.CreateTopics(ctx, partitions, 1, nil, ordersTopic, entriesTopic)
	if err == nil {
		err = created.Error()
	}
	if err != nil {
		return fmt.Errorf("create the topics: %w", err)
	}
	records := make([]*kgo.Record, len(b.orders))
	for i, o := range b.orders {
		if records[i], err = record(ordersTopic, o.ID, o); err != nil {
			return err
		}
	}
	return cl.ProduceSync(ctx, records...).FirstErr()
}

func record(topic string, key int, value any) (*kgo.Record, error) {
	v, err := json.Marshal(value)
	return &kgo.Record{Topic: topic, Key: []byte(strconv.Itoa(key)), Value: v}, err
}

// options are those of a client that is connected by w.
func (b *Bank) options(w *wire) []kgo.Opt {
	return append([]kgo.Opt{
		kgo.SeedBrokers("bank:9092"),
		kgo.Dialer(func(ctx context.Context, _, _ string) (net.Conn, error) { return w.dial(ctx, b.cfg.Dial) }),
		kgo.RetryBackoffFn(func(int) time.Duration { return 10 * time.Millisecond }),
		kgo.RequestRetries(10_000), kgo.AlwaysRetryEOF(),
		kgo.MetadataMinAge(20 * time.Millisecond),
	}, b.cfg.Client...)
}

// Run lets the workers work until all orders are done, and each of them suffer
// now and then. It returns an error if a worker found what must not be, or ctx
// ended before.
func (b *Bank) Run(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var workers sync.WaitGroup
	for i := range b.cfg.Workers {
		w := &worker{bank: b, name: "worker-" + strconv.Itoa(i), rng: rand.New(rand.NewPCG(b.cfg.Seed, uint64(i)+2))}
		workers.Go(func() {
			if err := w.run(ctx); err != nil {
				stop(fmt.Errorf("%s: %w", w.name, err))
			}
		})
	}
	err := b.awaitDone(ctx)
	stop(nil)
	workers.Wait()
	return err
}

// awaitDone waits until the group's offsets have come to the end of the orders.
func (b *Bank) awaitDone(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(20 * time.Millisecond):
		}
		offsets, err := b.admin.FetchOffsetsForTopics(ctx, group, ordersTopic)
		if err != nil {
			continue // the broker may be away
		}
		var done int64
		offsets.Each(func(o kadm.OffsetResponse) { done += max(o.At, 0) })
		if done == int64(len(b.orders)) {
			return nil
		}
	}
}
