// Package produce is what "evident produce" does: it reads lines or JSON and
// produces each as a record.
package produce

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/progress"
)

// Input mostly comes faster than records can be made durable, so batches are
// worth a moment's wait and need enough records to be filled from.
const (
	linger           = 5 * time.Millisecond
	maxBuffered      = 200_000
	maxBufferedBytes = 64 << 20
)

// Produce is "evident produce". Its fields are flags.
type Produce struct {
	// Format is "lines" or "json".
	Format string
	// KeyDelimiter, if not empty, separates key and value in a line.
	KeyDelimiter string
	// Key, if not nil, is the key of every record that brings none.
	Key *string
	// Headers are key=value (or key:value) pairs added to every record.
	Headers []string
	// Partition is where all records go; -1 leaves it to the key.
	Partition int32
	// Compression is none, gzip, snappy, lz4 or zstd.
	Compression string
	// Acks is all, 1 or 0 (or their other names, -1 and none).
	Acks string
	// Count is how many records to produce at most; 0 is as many as there are.
	Count int64
	// Repeat starts over at the end of the input, until Count.
	Repeat bool
	// Rate is how many records to produce in a second at most; 0 is no limit.
	Rate float64
	// Tombstone makes empty values null.
	Tombstone bool
	// CreateTopic lets the node create the topic if it has none of that name.
	CreateTopic bool
}

// Summary is what was done.
type Summary struct {
	Topic   string  `json:"topic"`
	Records int64   `json:"records"` // acknowledged
	Bytes   int64   `json:"bytes"`   // of keys and values
	Seconds float64 `json:"seconds"`
}

// Run reads files ("-" is standard input, as are no files) and produces to
// topic. It ends at the end of the input, or when ctx does, and then waits until what was
// read is acknowledged.
func (p Produce) Run(ctx context.Context, env tool.Env, topic string, files []string) error {
	options, err := p.options()
	if err != nil {
		return err
	}
	in, err := openInput(env.In, files)
	if err != nil {
		return err
	}
	defer in.close()
	limit, err := p.check(ctx, env, topic)
	if err != nil {
		return err
	}
	client, err := env.Connect(ctx, append(options,
		kgo.DefaultProduceTopic(topic),
		kgo.ProducerBatchMaxBytes(limit),
		kgo.ProducerLinger(linger),
		kgo.MaxBufferedRecords(maxBuffered),
		kgo.MaxBufferedBytes(maxBufferedBytes),
		// The command fails if a record does, so nothing is produced anew.
		kgo.AllowIdempotentProduceCancellation(),
	)...)
	if err != nil {
		return err
	}
	defer client.Close()
	s := &sender{
		Produce: p, topic: topic, timeout: env.Cluster.Timeout,
		client: client, bar: p.bar(env, in), start: time.Now(),
	}
	err = s.run(ctx, in)
	s.bar.Stop()
	return errors.Join(s.print(env), err)
}

// check makes sure that topic and partition are there, and returns how large a
// batch may be.
func (p Produce) check(ctx context.Context, env tool.Env, topic string) (maxBatch int32, err error) {
	maxBatch = defaultMaxBatch
	err = env.Admin(ctx, func(ctx context.Context, adm *kadm.Client) error {
		details, err := tool.Topics(ctx, adm, topic)
		if errors.Is(err, kerr.UnknownTopicOrPartition) && p.CreateTopic {
			return nil
		}
		if err != nil {
			return err
		}
		if n := len(details[topic].Partitions); int(p.Partition) >= n {
			return fmt.Errorf("topic %q has no partition %d: it has %s, counted from 0", topic, p.Partition, tool.Plural(n, "partition"))
		}
		maxBatch = batchLimit(ctx, adm, topic)
		return nil
	})
	return maxBatch, err
}

// bar shows how many of Count records are done, or how many bytes of files.
func (p Produce) bar(env tool.Env, in *input) *progress.Bar {
	switch {
	case !env.Progress:
		return nil
	case p.Count > 0:
		return progress.Start(env.Err, "records", p.Count)
	case in.size > 0 && !p.Repeat:
		in.bar = progress.Start(env.Err, "bytes", in.size)
		return in.bar
	}
	return nil
}

// sender produces the records of one run.
type sender struct {
	Produce
	topic   string
	timeout time.Duration
	client  *tool.Client
	bar     *progress.Bar
	start   time.Time

	// What follows is used by the client's goroutine too. records and bytes
	// count what was acknowledged.
	records, bytes atomic.Int64
	patience       *patience
	failure        failure
}

// failure is the first thing that went wrong.
type failure struct {
	mu   sync.Mutex
	err  error              // guarded by mu
	stop context.CancelFunc // ends the run
}

func (f *failure) set(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = err
	}
	f.stop()
}

func (f *failure) get() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// run produces what in holds until its end, the first failure, or the end of
// ctx.
func (s *sender) run(ctx context.Context, in *input) error {
	// Records outlive ctx: what was read is produced.
	alive, giveUp := context.WithCancel(context.WithoutCancel(ctx))
	defer giveUp()
	sending, stop := context.WithCancel(ctx)
	defer stop()
	s.failure.stop, s.patience = stop, newPatience(s.timeout, giveUp)
	next := s.source(sending, in)
	pace := newPace(s.Rate)
	for n := int64(0); s.Count == 0 || n < s.Count; n++ {
		r, err := next()
		if err != nil && err != io.EOF && sending.Err() == nil {
			s.failure.set(err)
		}
		if err != nil || s.failure.get() != nil || pace.wait(sending, n) != nil {
			break
		}
		number := n + 1
		s.patience.sent()
		s.client.Produce(alive, r, func(r *kgo.Record, err error) { s.done(r, number, err) })
	}
	ended := context.WithoutCancel(ctx)
	if err := s.client.Flush(ended); err != nil {
		s.failure.set(err)
	}
	return s.client.Explain(ended, s.failure.get())
}

// done is called by the client when a record was acknowledged or has failed.
// Records after the first failed one fail too, and only the first is told of.
func (s *sender) done(r *kgo.Record, number int64, err error) {
	s.patience.done()
	if err != nil {
		s.failure.set(s.explain(r, number, err))
		return
	}
	s.records.Add(1)
	s.bytes.Add(int64(len(r.Key) + len(r.Value)))
	if s.Count > 0 {
		s.bar.Add(1)
	}
}

func (s *sender) explain(r *kgo.Record, number int64, err error) error {
	if errors.As(err, new(*kerr.Error)) {
		e := &tool.RefusedError{Doing: fmt.Sprintf("produce record %d to topic %q", number, s.topic), Code: err}
		switch {
		case errors.Is(err, kerr.MessageTooLarge):
			e.Message = fmt.Sprintf("its %d bytes are more than the topic takes", len(r.Key)+len(r.Value))
			e.Hint = `raise the topic's max.message.bytes with "evident topic alter"`
		case errors.Is(err, kerr.InvalidRecord) && r.Key == nil:
			e.Hint = "a compacted topic takes records with a key only, which --key or --key-delimiter gives"
		}
		return e
	}
	if errors.Is(err, context.Canceled) {
		return &tool.LateError{Text: fmt.Sprintf("record %d was not acknowledged within %s: it may or may not be in the topic; the node's log says what it waits for",
			number, s.timeout)}
	}
	return fmt.Errorf("record %d: %w", number, err)
}

func (s *sender) print(env tool.Env) error {
	result := Summary{s.topic, s.records.Load(), s.bytes.Load(), time.Since(s.start).Seconds()}
	return env.Print(result, func(w io.Writer) {
		fmt.Fprintf(w, "produced %s to %s\n", tool.Plural(result.Records, "record"), result.Topic)
	})
}
