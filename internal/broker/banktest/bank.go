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

// Config configures a [Bank]. All fields but Client and Enough are required.
type Config struct {
	// Name begins the names of topics, group and transactional ids, so that a
	// broker may have several banks.
	Name string
	// Dial connects to the broker, whatever address it is asked for, so that the
	// broker may move when it starts again.
	Dial func(context.Context) (net.Conn, error)
	// Client are further options of all clients, such as the versions they speak.
	Client []kgo.Opt
	// Orders is how many are placed at once, Accounts between how many accounts,
	// Workers how many carry them out.
	Orders, Accounts, Workers int
	// Life is how long a worker's process lives at most.
	Life time.Duration
	// Static makes the workers static members of the group (KIP-345), so that a
	// classic group lets a successor in at once.
	Static bool
	// Seed decides on orders, and on what happens to workers as far as time
	// allows.
	Seed uint64
	// Enough tells, whenever all orders are done, whether the bank may close; nil:
	// it may. Until then as many orders are placed again.
	Enough func() bool
	// Logf is told what happens to workers.
	Logf func(format string, args ...any)
}

const partitions = 4

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
	names  names
	rng    *rand.Rand // decides on orders
	orders []order
	client *kgo.Client
	admin  *kadm.Client // over client
}

type names struct{ orders, entries, group, worker string }

func namesFor(bank string) names {
	return names{orders: bank + "-orders", entries: bank + "-entries", group: bank, worker: bank + "-worker-"}
}

// Open creates the topics.
func Open(ctx context.Context, cfg Config) (*Bank, error) {
	b := &Bank{cfg: cfg, names: namesFor(cfg.Name), rng: rand.New(rand.NewPCG(cfg.Seed, 1))}
	cl, err := kgo.NewClient(b.options(new(wire))...)
	if err != nil {
		return nil, err
	}
	b.client, b.admin = cl, kadm.NewClient(cl)
	created, err := b.admin.CreateTopics(ctx, partitions, 1, nil, b.names.orders, b.names.entries)
	if err == nil {
		err = created.Error()
	}
	if err != nil {
		b.Close()
		return nil, fmt.Errorf("create the topics: %w", err)
	}
	return b, nil
}

// Close closes the connection. It is called when Run has returned.
func (b *Bank) Close() { b.admin.Close() }

// Orders is how many were placed.
func (b *Bank) Orders() int { return len(b.orders) }

// place writes further orders.
func (b *Bank) place(ctx context.Context) error {
	records := make([]*kgo.Record, b.cfg.Orders)
	for i := range records {
		from := b.rng.IntN(b.cfg.Accounts)
		to := (from + 1 + b.rng.IntN(b.cfg.Accounts-1)) % b.cfg.Accounts
		o := order{len(b.orders), from, to, 1 + b.rng.Int64N(1000)}
		b.orders = append(b.orders, o)
		var err error
		if records[i], err = record(b.names.orders, o.ID, o); err != nil {
			return err
		}
	}
	if err := b.client.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return fmt.Errorf("place orders: %w", err)
	}
	return nil
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

// Run places orders and lets the workers work until all are done, and each of
// them suffer now and then. It returns an error if a worker found what must not be, or ctx
// ended before.
func (b *Bank) Run(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var workers sync.WaitGroup
	for i := range b.cfg.Workers {
		w := &worker{bank: b, name: b.names.worker + strconv.Itoa(i), rng: rand.New(rand.NewPCG(b.cfg.Seed, uint64(i)+2))}
		workers.Go(func() {
			if err := w.run(ctx); err != nil {
				stop(fmt.Errorf("%s: %w", w.name, err))
			}
		})
	}
	err := b.work(ctx)
	stop(nil)
	workers.Wait()
	return err
}

// work places orders until it is enough.
func (b *Bank) work(ctx context.Context) error {
	for {
		if err := b.place(ctx); err != nil {
			return err
		}
		if err := b.awaitDone(ctx); err != nil {
			return err
		}
		if b.cfg.Enough == nil || b.cfg.Enough() {
			return nil
		}
	}
}

// awaitDone waits until the group's offsets have come to the end of the orders.
func (b *Bank) awaitDone(ctx context.Context) error {
	var done int64
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d of %d orders are done: %w", done, len(b.orders), context.Cause(ctx))
		case <-time.After(20 * time.Millisecond):
		}
		offsets, err := b.admin.FetchOffsetsForTopics(ctx, b.names.group, b.names.orders)
		if err != nil {
			continue // the broker may be away
		}
		done = 0
		offsets.Each(func(o kadm.OffsetResponse) { done += max(o.At, 0) })
		if done == int64(len(b.orders)) {
			return nil
		}
	}
}
