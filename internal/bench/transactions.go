package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"
)

// TransactionsConfig says what [Transactions] does. The zero value of each field
// but Target is its default.
type TransactionsConfig struct {
	Target Target
	// Topic is written to; it is created if it is not there. Default: a topic
	// of the run's own, removed at its end.
	Topic string
	// Partitions is the number of partitions of a topic that is created.
	// Default: 10.
	Partitions int32
	// Producers is how many producers, each with a transactional id of its own,
	// write at the same time. Default: 16.
	Producers int
	// Records is how many records each transaction has. Default: 100.
	Records int
	// RecordSize is the length of each record's value in bytes. Default: 100.
	RecordSize int
	// Duration is how long a round lasts. Default: 5 s.
	Duration time.Duration
	// Warmup is how long the producers write before the first round. Default:
	// 1 s; negative: none.
	Warmup time.Duration
	// Rounds is how often it is measured. Default: 3.
	Rounds int
	// DiskDir is a folder on the disk that holds the broker's data. With it,
	// each round also measures how often a second 4 KiB can be appended and synced
	// there.
	DiskDir string
	// DiskDuration is how long that is measured in a round. Default: 1 s.
	DiskDuration time.Duration
}

func (c TransactionsConfig) withDefaults() (TransactionsConfig, error) {
	setDefault(&c.Partitions, 10)
	setDefault(&c.Producers, 16)
	setDefault(&c.Records, 100)
	setDefault(&c.RecordSize, 100)
	setDefault(&c.Duration, 5*time.Second)
	setDefault(&c.Warmup, time.Second)
	setDefault(&c.Rounds, 3)
	setDefault(&c.DiskDuration, time.Second)
	if c.Partitions < 0 || c.Producers < 0 || c.Records < 0 || c.RecordSize < 0 || c.Duration < 0 || c.Rounds < 0 {
		return c, fmt.Errorf("%w: sizes, counts and times must not be negative", ErrConfig)
	}
	return c, nil
}

// Transactions measures how many transactions a second a broker commits, from
// many producers at once: each writes its records, waits until they are
// acknowledged, and commits.
func Transactions(ctx context.Context, cfg TransactionsConfig) (res *TransactionsResult, err error) {
	cfg, err = cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	t, err := openTopic(ctx, cfg.Target.Client, cfg.Topic, cfg.Partitions)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closeTopic(ctx, cfg.Target.Client, t)) }()
	r := transactionsRun{cfg: cfg}
	defer r.close()
	if err := r.open(t); err != nil {
		return nil, err
	}
	if cfg.Warmup > 0 {
		if err := r.commitAll(ctx, time.Now().Add(cfg.Warmup)); err != nil {
			return nil, fmt.Errorf("warm-up: %w", err)
		}
	}
	res = newTransactionsResult(cfg, t)
	for i := range cfg.Rounds {
		round, err := r.round(ctx, i+1)
		if err != nil {
			return nil, fmt.Errorf("round %d: %w", i+1, err)
		}
		res.Rounds = append(res.Rounds, round)
	}
	res.Median = medianTransactionsRound(res.Rounds)
	return res, nil
}

// transactionsRun is one call of Transactions.
type transactionsRun struct {
	cfg       TransactionsConfig
	seen      batches
	producers []*transactor
}

func (r *transactionsRun) open(t topic) error {
	values := newPayload(r.cfg.RecordSize)
	prefix := "bench-" + randomName()
	for i := range r.cfg.Producers {
		opts := append([]kgo.Opt{
			kgo.TransactionalID(fmt.Sprintf("%s-%d", prefix, i)),
			kgo.ProducerLinger(10 * time.Millisecond), // a Flush ends it: all records go in one batch
			kgo.ProducerBatchCompression(kgo.NoCompression()),
			kgo.MaxBufferedRecords(math.MaxInt32),
			kgo.WithHooks(&r.seen),
		}, r.cfg.Target.Client...)
		cl, err := kgo.NewClient(opts...)
		if err != nil {
			return err
		}
		r.producers = append(r.producers, newTransactor(cl, t.name, r.cfg.Records, values))
	}
	return nil
}

func (r *transactionsRun) close() {
	for _, p := range r.producers {
		p.cl.Close()
	}
}

// round measures the disk and then the broker.
func (r *transactionsRun) round(ctx context.Context, n int) (round TransactionsRound, err error) {
	if r.cfg.DiskDir != "" {
		l, err := MeasureFsync(ctx, r.cfg.DiskDir, r.cfg.DiskDuration)
		if err != nil {
			return round, err
		}
		round.Fsyncs = float64(l.Count) / r.cfg.DiskDuration.Seconds()
	}
	for _, p := range r.producers {
		p.reset()
	}
	stop := watchProgress(r.cfg.Target.Progress, Progress{Phase: "broker", Round: n, Rounds: r.cfg.Rounds}, r.committed)
	defer stop()
	watch, err := startWatch(ctx, r.cfg.Target.CPU, &r.seen)
	if err != nil {
		return round, err
	}
	if err := r.commitAll(ctx, time.Now().Add(r.cfg.Duration)); err != nil {
		return round, err
	}
	records, bytes := r.committed()
	if round.Pass, err = watch.stop(ctx, &r.seen, records, bytes); err != nil {
		return round, err
	}
	round.fill(r.producers)
	return round, nil
}

// commitAll lets all producers commit transactions until a moment.
func (r *transactionsRun) commitAll(ctx context.Context, until time.Time) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, p := range r.producers {
		g.Go(func() error {
			for time.Now().Before(until) {
				if err := p.transact(ctx); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// committed counts records and bytes in committed transactions.
func (r *transactionsRun) committed() (records, bytes int64) {
	for _, p := range r.producers {
		records += p.count.Load() * int64(len(p.records))
	}
	return records, records * int64(r.cfg.RecordSize)
}

// transactor is one producer.
type transactor struct {
	cl      *kgo.Client
	records []*kgo.Record
	failed  atomic.Pointer[error] // of a record

	count       atomic.Int64 // transactions committed
	whole, last Histogram    // from the first record to the answer to EndTxn, and of EndTxn alone
}

func newTransactor(cl *kgo.Client, topic string, records int, values *payload) *transactor {
	p := &transactor{cl: cl}
	for range records {
		p.records = append(p.records, &kgo.Record{Topic: topic, Value: values.next()})
	}
	return p
}

// reset forgets what was measured so far.
func (p *transactor) reset() {
	p.count.Store(0)
	p.whole, p.last = Histogram{}, Histogram{}
}

// transact writes the records and commits them.
func (p *transactor) transact(ctx context.Context) error {
	start := time.Now()
	if err := p.cl.BeginTransaction(); err != nil {
		return err
	}
	done := p.done
	for _, r := range p.records {
		r.Timestamp, r.Context = start, nil
		p.cl.Produce(ctx, r, done)
	}
	if err := p.cl.Flush(ctx); err != nil {
		return err
	}
	if err := p.failed.Load(); err != nil {
		return *err
	}
	written := time.Now()
	if err := p.cl.EndTransaction(ctx, kgo.TryCommit); err != nil {
		return err
	}
	p.last.Record(time.Since(written))
	p.whole.Record(time.Since(start))
	p.count.Add(1)
	return nil
}

func (p *transactor) done(_ *kgo.Record, err error) {
	if err != nil {
		p.failed.CompareAndSwap(nil, &err)
	}
}
