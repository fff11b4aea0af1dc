package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// ConsumeConfig says what [Consume] does. The zero value of each field but
// Target is its default.
type ConsumeConfig struct {
	Target Target
	// Topic is consumed from its start, without a group. Default: a topic of
	// the run's own, filled first and removed at its end.
	Topic string
	// Records is how many records a round consumes. Default: all that the
	// topic has; of a topic that is filled first, 5,000,000.
	Records int64
	// Partitions and RecordSize are those of a topic that is filled first.
	// Default: 10 and 100 bytes.
	Partitions int32
	RecordSize int
	// Rounds is how often the records are consumed. Default: 3.
	Rounds int
}

func (c ConsumeConfig) withDefaults() (ConsumeConfig, error) {
	setDefault(&c.Partitions, 10)
	setDefault(&c.RecordSize, 100)
	setDefault(&c.Rounds, 3)
	if c.Topic == "" {
		setDefault(&c.Records, 5_000_000)
	}
	if c.Records < 0 || c.Partitions < 0 || c.RecordSize < 0 || c.Rounds < 0 {
		return c, fmt.Errorf("%w: sizes and counts must not be negative", ErrConfig)
	}
	return c, nil
}

// ConsumeResult is what [Consume] measured.
type ConsumeResult struct {
	Topic      string `json:"topic"`
	Partitions int32  `json:"partitions"`
	Rounds     []Pass `json:"rounds"`
	Median     Pass   `json:"median"`
}

// Consume measures how fast a broker gives records.
func Consume(ctx context.Context, cfg ConsumeConfig) (res *ConsumeResult, err error) {
	cfg, err = cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	toMake := cfg.Partitions
	if cfg.Topic != "" {
		toMake = 0 // a topic made for somebody's typo would have no records
	}
	t, err := openTopic(ctx, cfg.Target.Client, cfg.Topic, toMake)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closeTopic(ctx, cfg.Target.Client, t)) }()
	if t.made {
		if err := fill(ctx, cfg, t); err != nil {
			return nil, fmt.Errorf("fill topic %q: %w", t.name, err)
		}
	}
	there, err := countRecords(ctx, cfg.Target.Client, t.name)
	if err != nil {
		return nil, err
	}
	if setDefault(&cfg.Records, there); cfg.Records > there || there == 0 {
		return nil, fmt.Errorf("%w: topic %q has %d records, not %d", ErrConfig, t.name, there, max(cfg.Records, 1))
	}
	res = &ConsumeResult{Topic: t.name, Partitions: t.partitions}
	for i := range cfg.Rounds {
		p, err := consumePass(ctx, cfg, t, i+1)
		if err != nil {
			return nil, fmt.Errorf("round %d: %w", i+1, err)
		}
		res.Rounds = append(res.Rounds, p)
	}
	res.Median = medianPass(res.Rounds, func(p Pass) *Pass { return &p })
	return res, nil
}

// fill produces the records that are then consumed.
func fill(ctx context.Context, cfg ConsumeConfig, t topic) error {
	pc, err := ProduceConfig{
		Target: cfg.Target, RecordSize: cfg.RecordSize, Records: cfg.Records, Warmup: -1, Rounds: 1,
	}.withDefaults()
	if err != nil {
		return err
	}
	r := produceRun{cfg: pc, topic: t}
	_, err = r.pass(ctx, cfg.Target, "fill", 1)
	return err
}

// countRecords counts the offsets between a topic's start and end.
func countRecords(ctx context.Context, opts []kgo.Opt, topic string) (n int64, err error) {
	err = withAdmin(opts, func(adm *kadm.Client) error {
		start, err := adm.ListStartOffsets(ctx, topic)
		if err != nil {
			return err
		}
		end, err := adm.ListEndOffsets(ctx, topic)
		if err != nil {
			return err
		}
		if err := errors.Join(start.Error(), end.Error()); err != nil {
			return err
		}
		end.Each(func(o kadm.ListedOffset) {
			s, _ := start.Lookup(o.Topic, o.Partition)
			n += o.Offset - s.Offset
		})
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("count the records of topic %q: %w", topic, err)
	}
	return n, nil
}

// consumePass consumes cfg.Records records with a fresh client.
func consumePass(ctx context.Context, cfg ConsumeConfig, t topic, round int) (Pass, error) {
	var seen batches
	opts := append([]kgo.Opt{
		kgo.ConsumeTopics(t.name),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchMaxWait(500 * time.Millisecond),
		kgo.WithHooks(&seen),
		kgo.WithPools(&recordPool{}),
	}, cfg.Target.Client...)
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		return Pass{}, err
	}
	defer cl.Close()
	var got counter
	stop := watchProgress(cfg.Target.Progress, Progress{Phase: "broker", Round: round, Rounds: cfg.Rounds}, got.load)
	defer stop()
	watch, err := startWatch(ctx, cfg.Target.CPU, &seen)
	if err != nil {
		return Pass{}, err
	}
	if err := drain(ctx, cl, cfg.Records, &got); err != nil {
		return Pass{}, err
	}
	records, bytes := got.load()
	return watch.stop(ctx, &seen, records, bytes)
}

// drain polls until it has seen so many records.
func drain(ctx context.Context, cl *kgo.Client, want int64, got *counter) error {
	for got.records.Load() < want {
		fetches := cl.PollFetches(ctx)
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := fetches.Err(); err != nil {
			return err
		}
		var records, bytes int64
		fetches.EachRecord(func(r *kgo.Record) {
			records++
			bytes += int64(len(r.Value))
			r.Recycle()
		})
		got.add(records, bytes)
	}
	return nil
}

// recordPool reuses the slices that fetched records come in, as a consumer
// that cares for its CPU does.
type recordPool struct{ pool sync.Pool }

// GetRecords implements [kgo.PoolRecords].
func (p *recordPool) GetRecords(n int) []kgo.Record {
	if s, ok := p.pool.Get().(*[]kgo.Record); ok && cap(*s) >= n {
		return *s
	}
	return make([]kgo.Record, n)
}

// PutRecords implements [kgo.PoolRecords].
func (p *recordPool) PutRecords(s []kgo.Record) { p.pool.Put(&s) }

// WriteText writes the result for people to read.
func (r *ConsumeResult) WriteText(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "consume from %s: %d partitions, %d records a round, from the start, no group\n\n",
		r.Topic, r.Partitions, r.Median.Records)
	tw := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(tw, "\trecords/s\tMB/s\t\n")
	for i, p := range r.Rounds {
		fmt.Fprintf(tw, "round %d\t%.0f\t%.1f\t\n", i+1, p.RecordsPerSecond, p.MBPerSecond)
	}
	fmt.Fprintf(tw, "median\t%.0f\t%.1f\t\n", r.Median.RecordsPerSecond, r.Median.MBPerSecond)
	_ = tw.Flush() // a buffer takes everything
	fmt.Fprintln(&b)
	r.Median.writeText(&b)
	_, err := b.WriteTo(w)
	return err
}
