package processing

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/evidentlog/evident/internal/bench"
)

// Steady is one round of records at a steady rate.
type Steady struct {
	// Rate is how many records a second were sent.
	Rate float64 `json:"records_per_second"`
	// Fsync is how long the disk took for an append of 4 KiB and fdatasync, before.
	Fsync bench.Latency `json:"fsync"`
	// EndToEnd is the time from before a record is sent to the input until a reader of
	// committed records has it from the output.
	EndToEnd bench.Latency `json:"end_to_end_latency"`
	// FromInput is the time from the input's acknowledgement until then.
	FromInput bench.Latency `json:"latency_from_input"`
	// CPU is that of the child per record, in µs.
	CPU float64 `json:"cpu_us_per_record"`
}

const (
	// fsyncTime is how long fsync is measured.
	fsyncTime = 2 * time.Second
	// warmup is how long records are sent that do not count.
	warmup = 2 * time.Second
	// grace is how long the last records may be under way.
	grace = 30 * time.Second
)

func (r *run) latency(ctx context.Context, round int) error {
	return r.withChild(ctx, func(c *child) error {
		j := job{Name: r.name(Latency, round)}
		j.Input, j.Output = j.Name+"-in", j.Name+"-out"
		if err := c.create(ctx, r.cfg.Partitions, j.Input, j.Output); err != nil {
			return err
		}
		fsync, err := bench.MeasureFsync(ctx, r.dir, fsyncTime)
		if err != nil {
			return err
		}
		if err := c.process(Identity, j); err != nil {
			return err
		}
		if _, err := r.steady(ctx, c, j, warmup); err != nil {
			return err
		}
		s, err := r.steady(ctx, c, j, r.cfg.Duration)
		s.Fsync = fsync
		r.res.Latency = append(r.res.Latency, s)
		return err
	})
}

// steady sends records for a time, and waits until all are back.
func (r *run) steady(ctx context.Context, c *child, j job, d time.Duration) (s Steady, err error) {
	ctx, cancel := context.WithTimeout(ctx, d+grace)
	defer cancel()
	n := int64(float64(r.cfg.Rate) * d.Seconds())
	p := &pacer{size: r.cfg.RecordSize, topic: j.Input, rate: r.cfg.Rate, base: time.Now(), met: map[time.Duration]time.Duration{}}
	reader, err := c.reader(ctx, j.Output)
	if err != nil {
		return s, err
	}
	defer reader.Close()
	before, err := c.cpu(ctx)
	if err != nil {
		return s, err
	}
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return p.send(gctx, c.options(), n) })
	g.Go(func() error { return p.receive(gctx, reader, n) })
	if err := g.Wait(); err != nil {
		return s, err
	}
	after, err := c.cpu(ctx)
	return Steady{
		Rate: float64(n) / p.took.Seconds(), EndToEnd: p.late.Latency(), FromInput: p.later.Latency(),
		CPU: float64((after - before).Microseconds()) / float64(n),
	}, err
}

// reader reads a topic from its present end, what is committed of it.
func (c *child) reader(ctx context.Context, topic string) (*kgo.Client, error) {
	from, err := bench.EndOffsets(ctx, c.options(), topic)
	if err != nil {
		return nil, err
	}
	return kgo.NewClient(append(c.options(), kgo.ConsumePartitions(from), kgo.FetchIsolationLevel(kgo.ReadCommitted()))...)
}

// A pacer sends records that tell when.
type pacer struct {
	size  int
	topic string
	rate  int
	base  time.Time // what the times in records are relative to
	took  time.Duration

	mu  sync.Mutex
	err error // of a record that was sent
	// met has, by when a record was sent, when it was acknowledged, or that it has been
	// read, until both have happened.
	met         map[time.Duration]time.Duration
	late, later bench.Histogram // since it was sent, since it was acknowledged
}

// isRead stands for a record that was read before its acknowledgement was.
const isRead = -1

func (p *pacer) send(ctx context.Context, opts []kgo.Opt, n int64) error {
	cl, err := kgo.NewClient(append(opts, kgo.ProducerLinger(0), kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.RecordPartitioner(kgo.RoundRobinPartitioner()))...)
	if err != nil {
		return err
	}
	defer cl.Close()
	begin := time.Now()
	err = bench.Pace(ctx, p.rate, n, func() {
		value := make([]byte, p.size)
		at := time.Since(p.base)
		binary.BigEndian.PutUint64(value, uint64(at))
		cl.Produce(ctx, &kgo.Record{Topic: p.topic, Value: value}, func(_ *kgo.Record, err error) { p.acked(at, err) })
	})
	p.took = time.Since(begin)
	if err == nil {
		err = cl.Flush(ctx)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return p.err
	}
	return err
}

// acked takes note of the answer for the record that was sent at the time.
func (p *pacer) acked(at time.Duration, err error) {
	now := time.Since(p.base)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.err = err
	}
	if p.met[at] == isRead {
		p.later.Record(0)
		delete(p.met, at)
		return
	}
	p.met[at] = now
}

// arrived takes note that the record that was sent at the time has been read.
func (p *pacer) arrived(at, now time.Duration) {
	p.late.Record(now - at)
	p.mu.Lock()
	defer p.mu.Unlock()
	if acked, ok := p.met[at]; ok {
		p.later.Record(now - acked)
		delete(p.met, at)
		return
	}
	p.met[at] = isRead
}

// receive reads n records.
func (p *pacer) receive(ctx context.Context, reader *kgo.Client, n int64) error {
	got := int64(0)
	for got < n {
		fetches := reader.PollFetches(ctx)
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("%d of %d records came out: %w", got, n, err)
		}
		if err := fetches.Err(); err != nil {
			return err
		}
		now := time.Since(p.base)
		fetches.EachRecord(func(rec *kgo.Record) {
			p.arrived(time.Duration(binary.BigEndian.Uint64(rec.Value)), now)
			got++
		})
	}
	return nil
}
