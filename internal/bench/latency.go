package bench

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
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
	defer r.close()
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
	seen               batches
	base               time.Time // what the times in records are relative to
	values             *payload
	turn               int32 // partition of the next record
}

func openLatencyRun(ctx context.Context, cfg LatencyConfig, t topic) (*latencyRun, error) {
	r := &latencyRun{cfg: cfg, topic: t, base: time.Now(), values: newPayload(cfg.RecordSize)}
	from, err := endOffsets(ctx, cfg.Target.Client, t.name)
	if err != nil {
		return nil, err
	}
	r.consumer, err = kgo.NewClient(append([]kgo.Opt{kgo.ConsumePartitions(from)}, cfg.Target.Client...)...)
	if err != nil {
		return nil, err
	}
	acks, err := acknowledgement(cfg.Acks)
	if err == nil {
		opts := append(append(acks,
			kgo.ProducerLinger(0),
			kgo.ProducerBatchCompression(kgo.NoCompression()),
			kgo.MaxBufferedRecords(math.MaxInt32), // Produce must not block
			kgo.RecordPartitioner(kgo.ManualPartitioner()),
			kgo.RecordDeliveryTimeout(30*time.Second),
			kgo.WithHooks(&r.seen),
		), cfg.Target.Client...)
		r.producer, err = kgo.NewClient(opts...)
	}
	if err != nil {
		r.consumer.Close()
		return nil, err
	}
	return r, nil
}

func (r *latencyRun) close() {
	r.producer.Close()
	r.consumer.Close()
}

// endOffsets are the offsets at which a consumer of what is produced from now
// on begins.
func endOffsets(ctx context.Context, opts []kgo.Opt, topic string) (map[string]map[int32]kgo.Offset, error) {
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

// round measures the disk and then the broker, never both at once: each would
// wait for the other's fsyncs.
func (r *latencyRun) round(ctx context.Context, n int) (LatencyRound, error) {
	var fsync *Latency
	if r.cfg.DiskDir != "" {
		l, err := measureFsync(ctx, r.cfg.DiskDir, r.cfg.DiskDuration)
		if err != nil {
			return LatencyRound{}, err
		}
		fsync = &l
	}
	var got counter
	stop := watchProgress(r.cfg.Target.Progress, Progress{Phase: "broker", Round: n, Rounds: r.cfg.Rounds}, got.load)
	defer stop()
	round, err := r.pass(ctx, r.cfg.Duration, &got)
	round.Fsync = fsync
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
		end   histogram
		total = max(int64(float64(r.cfg.Rate)*d.Seconds()), 1)
	)
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return r.produce(gctx, total, &ack) })
	g.Go(func() error { return r.consume(gctx, total, got, &end) })
	if err := g.Wait(); err != nil {
		return LatencyRound{}, err
	}
	records, bytes := got.load()
	p, err := watch.stop(ctx, &r.seen, records, bytes)
	p.Ack = ack.histogram.latency()
	return LatencyRound{Pass: p, EndToEnd: end.latency()}, err
}

// ackTimes gathers acknowledgements, which the client reports from a goroutine of
// its own.
type ackTimes struct {
	mu        sync.Mutex
	histogram histogram
	err       error
}

func (a *ackTimes) done(d time.Duration, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.histogram.record(d)
	if a.err == nil {
		a.err = err
	}
}

// produce sends n records at the rate and waits for their acknowledgements.
func (r *latencyRun) produce(ctx context.Context, n int64, ack *ackTimes) error {
	err := pace(ctx, r.cfg.Rate, n, func() {
		now := time.Now()
		value := append([]byte(nil), r.values.next()...)
		binary.BigEndian.PutUint64(value, uint64(now.Sub(r.base)))
		record := &kgo.Record{Topic: r.topic.name, Partition: r.turn, Value: value, Timestamp: now}
		r.turn = (r.turn + 1) % r.topic.partitions
		r.producer.Produce(ctx, record, func(_ *kgo.Record, err error) { ack.done(time.Since(now), err) })
	})
	if err := errors.Join(err, r.producer.Flush(ctx)); err != nil {
		return err
	}
	ack.mu.Lock()
	defer ack.mu.Unlock()
	return ack.err
}

// consume polls until n records came back, which it counts in got.
func (r *latencyRun) consume(ctx context.Context, n int64, got *counter, end *histogram) error {
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
			end.record(now - time.Duration(binary.BigEndian.Uint64(rec.Value)))
			got.add(1, int64(len(rec.Value)))
		})
	}
	return nil
}
