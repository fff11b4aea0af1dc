package bench

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"
)

// LatencyConfig says what [MeasureLatency] does. The zero value of each field
// but Target is its default.
type LatencyConfig struct {
	Target Target
	// Topic is produced to and consumed from its present end. Default: a
	// topic of the run's own, removed at its end.
	Topic string
	// Partitions is the number of partitions of a topic that is created;
	// records go to all in turn. Default: 1.
	Partitions int32
	// Rate is how many records are produced a second over all partitions.
	// Default: 5000.
	Rate int
	// RecordSize is the length of each record's value in bytes, at least 8.
	// Default: 100.
	RecordSize int
	// Duration is how long a round lasts. Default: 5 s.
	Duration time.Duration
	// Warmup is how long the load runs before the first round. Default: 1 s;
	// negative: none.
	Warmup time.Duration
	// Rounds is how often disk and broker are measured in turn. Default: 3.
	Rounds int
	// Acks is "all", "1" or "0". Default: "all".
	Acks string
	// DiskDir is a folder on the disk that holds the broker's data. With it,
	// each round also measures how long 4 KiB take to be appended and synced
	// there.
	DiskDir string
	// DiskDuration is how long that is measured in a round. Default: 1 s.
	DiskDuration time.Duration
	// Reference also measures the acknowledgements of a server that throws
	// records away, started by DiscardCommand as in [ProduceConfig]: what
	// client, network and scheduler take by themselves at this rate.
	Reference      bool
	DiscardCommand []string
}

// graceTime is how long the last records may take to come back.
const graceTime = 30 * time.Second

// stampLen is the length of the time of sending that a record's value begins
// with.
const stampLen = 8

func (c LatencyConfig) withDefaults() (LatencyConfig, error) {
	setDefault(&c.Partitions, 1)
	setDefault(&c.Rate, 5000)
	setDefault(&c.RecordSize, 100)
	setDefault(&c.Duration, 5*time.Second)
	setDefault(&c.Warmup, time.Second)
	setDefault(&c.Rounds, 3)
	setDefault(&c.Acks, "all")
	setDefault(&c.DiskDuration, time.Second)
	if c.RecordSize < stampLen {
		return c, fmt.Errorf("%w: records of %d bytes have no room for a time of %d", ErrConfig, c.RecordSize, stampLen)
	}
	if c.Partitions < 0 || c.Rate < 0 || c.Duration < 0 || c.Rounds < 0 {
		return c, fmt.Errorf("%w: counts and times must not be negative", ErrConfig)
	}
	return c, nil
}

// MeasureLatency measures how long records are under way at a steady rate: from
// the call to Produce to the acknowledgement, and to a consumer in the same
// process, so that one clock tells both.
func MeasureLatency(ctx context.Context, cfg LatencyConfig) (res *LatencyResult, err error) {
	cfg, err = cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	t, err := openTopic(ctx, cfg.Target.Client, cfg.Topic, cfg.Partitions)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closeTopic(ctx, cfg.Target.Client, t)) }()
	r, err := openLatencyRun(ctx, cfg, t)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	if cfg.Warmup > 0 {
		if _, err := r.pass(ctx, cfg.Warmup, new(counter)); err != nil {
			return nil, fmt.Errorf("warm-up: %w", err)
		}
	}
	res = newLatencyResult(cfg, t)
	for i := range cfg.Rounds {
		round, err := r.round(ctx, i+1)
		if err != nil {
			return nil, fmt.Errorf("round %d: %w", i+1, err)
		}
		res.Rounds = append(res.Rounds, round)
	}
	res.Median = medianLatencyRound(res.Rounds)
	return res, nil
}

// latencyRun is one call of MeasureLatency.
type latencyRun struct {
	cfg                LatencyConfig
	topic              topic
	producer, consumer *kgo.Client
	discard            *discardChild // nil without reference
	reference          *kgo.Client   // a producer to discard
	seen               batches
	base               time.Time // what the times in records are relative to
	values             *payload
	turn               int32 // partition of the next record
}

func openLatencyRun(ctx context.Context, cfg LatencyConfig, t topic) (*latencyRun, error) {
	r := &latencyRun{cfg: cfg, topic: t, base: time.Now(), values: newPayload(cfg.RecordSize)}
	from, err := EndOffsets(ctx, cfg.Target.Client, t.name)
	if err != nil {
		return nil, err
	}
	r.consumer, err = kgo.NewClient(append([]kgo.Opt{kgo.ConsumePartitions(from)}, cfg.Target.Client...)...)
	if err != nil {
		return nil, err
	}
	r.producer, err = cfg.producer(cfg.Target, kgo.WithHooks(&r.seen))
	if err == nil && cfg.Reference {
		err = r.openReference(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

// openReference starts the server that throws records away, and a producer.
func (r *latencyRun) openReference(ctx context.Context) (err error) {
	if r.discard, err = startDiscard(ctx, r.cfg.DiscardCommand, r.topic.partitions); err != nil {
		return err
	}
	r.reference, err = r.cfg.producer(r.discard.target(ctx))
	return err
}

// producer makes a client that sends each record at once.
func (c LatencyConfig) producer(t Target, opts ...kgo.Opt) (*kgo.Client, error) {
	acks, err := acknowledgement(c.Acks)
	if err != nil {
		return nil, err
	}
	opts = append(opts,
		kgo.ProducerLinger(0),
		kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.MaxBufferedRecords(math.MaxInt32), // Produce must not block
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.RecordDeliveryTimeout(30*time.Second),
	)
	return kgo.NewClient(slices.Concat(opts, acks, t.Client)...)
}

func (r *latencyRun) close() error {
	for _, cl := range []*kgo.Client{r.producer, r.consumer, r.reference} {
		if cl != nil {
			cl.Close()
		}
	}
	if r.discard == nil {
		return nil
	}
	return r.discard.stop()
}

// EndOffsets are the offsets at which a consumer of what is produced from now
// on begins.
func EndOffsets(ctx context.Context, opts []kgo.Opt, topic string) (map[string]map[int32]kgo.Offset, error) {
	var from map[string]map[int32]kgo.Offset
	err := withAdmin(opts, func(adm *kadm.Client) error {
		end, err := adm.ListEndOffsets(ctx, topic)
		if err == nil {
			err = end.Error()
		}
		from = end.KOffsets()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("find the end of topic %q: %w", topic, err)
	}
	return from, nil
}

// round measures the disk, then the reference and then the broker, never two at
// once: each would wait for the other.
func (r *latencyRun) round(ctx context.Context, n int) (LatencyRound, error) {
	var fsync, discard *Latency
	if r.cfg.DiskDir != "" {
		l, err := MeasureFsync(ctx, r.cfg.DiskDir, r.cfg.DiskDuration)
		if err != nil {
			return LatencyRound{}, err
		}
		fsync = &l
	}
	if r.cfg.Reference {
		l, err := r.referencePass(ctx)
		if err != nil {
			return LatencyRound{}, fmt.Errorf("discarding server: %w", err)
		}
		discard = &l
	}
	var got counter
	stop := watchProgress(r.cfg.Target.Progress, Progress{Phase: "broker", Round: n, Rounds: r.cfg.Rounds}, got.load)
	defer stop()
	round, err := r.pass(ctx, r.cfg.Duration, &got)
	round.Fsync, round.Discard = fsync, discard
	round.compare()
	return round, err
}

// pass produces for the time d and consumes until all of it came back, which
// it counts in got.
func (r *latencyRun) pass(ctx context.Context, d time.Duration, got *counter) (LatencyRound, error) {
	ctx, cancel := context.WithTimeout(ctx, d+graceTime)
	defer cancel()
	watch, err := startWatch(ctx, r.cfg.Target.CPU, &r.seen)
	if err != nil {
		return LatencyRound{}, err
	}
	var (
		ack   ackTimes
		end   Histogram
		total = r.total(d)
	)
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return r.produce(gctx, r.producer, total, &ack) })
	g.Go(func() error { return r.consume(gctx, total, got, &end) })
	if err := g.Wait(); err != nil {
		return LatencyRound{}, err
	}
	records, bytes := got.load()
	p, err := watch.stop(ctx, &r.seen, records, bytes)
	p.Ack = ack.histogram.Latency()
	return LatencyRound{Pass: p, EndToEnd: end.Latency()}, err
}

// referencePass produces as pass does, after a while without being timed.
func (r *latencyRun) referencePass(ctx context.Context) (Latency, error) {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Warmup+r.cfg.Duration+graceTime)
	defer cancel()
	if err := r.produce(ctx, r.reference, r.total(max(r.cfg.Warmup, 0)), new(ackTimes)); err != nil {
		return Latency{}, err
	}
	var ack ackTimes
	err := r.produce(ctx, r.reference, r.total(r.cfg.Duration), &ack)
	return ack.histogram.Latency(), err
}

// total is how many records the time d takes.
func (r *latencyRun) total(d time.Duration) int64 {
	return max(int64(float64(r.cfg.Rate)*d.Seconds()), 1)
}

// ackTimes gathers acknowledgements, which the client reports from a goroutine of
// its own.
type ackTimes struct {
	mu        sync.Mutex
	histogram Histogram
	err       error
}

func (a *ackTimes) done(d time.Duration, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.histogram.Record(d)
	if a.err == nil {
		a.err = err
	}
}

// produce sends n records at the rate and waits for their acknowledgements.
func (r *latencyRun) produce(ctx context.Context, cl *kgo.Client, n int64, ack *ackTimes) error {
	err := Pace(ctx, r.cfg.Rate, n, func() {
		now := time.Now()
		value := append([]byte(nil), r.values.next()...)
		binary.BigEndian.PutUint64(value, uint64(now.Sub(r.base)))
		record := &kgo.Record{Topic: r.topic.name, Partition: r.turn, Value: value, Timestamp: now}
		r.turn = (r.turn + 1) % r.topic.partitions
		cl.Produce(ctx, record, func(_ *kgo.Record, err error) { ack.done(time.Since(now), err) })
	})
	if err := errors.Join(err, cl.Flush(ctx)); err != nil {
		return err
	}
	ack.mu.Lock()
	defer ack.mu.Unlock()
	return ack.err
}

// consume polls until n records came back, which it counts in got.
func (r *latencyRun) consume(ctx context.Context, n int64, got *counter, end *Histogram) error {
	for got.records.Load() < n {
		fetches := r.consumer.PollFetches(ctx)
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("%d of %d records came back: %w", got.records.Load(), n, err)
		}
		if err := fetches.Err(); err != nil {
			return err
		}
		now := time.Since(r.base)
		fetches.EachRecord(func(rec *kgo.Record) {
			end.Record(now - time.Duration(binary.BigEndian.Uint64(rec.Value)))
			got.add(1, int64(len(rec.Value)))
		})
	}
	return nil
}
