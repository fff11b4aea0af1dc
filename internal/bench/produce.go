package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// ProduceConfig says what [Produce] does. The zero value of each field but
// Target is its default.
type ProduceConfig struct {
	Target Target
	// Topic is produced to; it is created if it is not there. Default: a topic
	// of the run's own, removed at its end.
	Topic string
	// Partitions is the number of partitions of a topic that is created.
	// Default: 10.
	Partitions int32
	// RecordSize is the length of each record's value in bytes. Default: 100.
	RecordSize int
	// Records ends a pass after so many records; Duration after so long. With
	// both, whichever comes first. Default: 5 s.
	Records  int64
	Duration time.Duration
	// Warmup is how long each pass runs before it is timed. Default: 500 ms;
	// negative: none.
	Warmup time.Duration
	// Rounds is how often broker and references are measured in turn.
	// Default: 3.
	Rounds int
	// Clients is the number of Kafka clients that share the work. Default: 1.
	Clients int
	// Window is how many bytes of records a client may have in flight.
	// Default: 32 MiB.
	Window int
	// BatchBytes is the largest record batch a client makes. Default:
	// 1,000,012, Kafka's max.message.bytes less its overhead.
	BatchBytes int32
	// Linger is how long a client waits for a batch to fill. Default: 5 ms;
	// negative: not at all.
	Linger time.Duration
	// Acks is "all", "1" or "0". Default: "all".
	Acks string
	// Compression is "none", "gzip", "snappy", "lz4" or "zstd". Default: "none".
	Compression string

	// Reference also measures a server that throws records away and, in
	// DiskDir, a plain program that appends to a file.
	Reference bool
	// DiskDir is a folder on the disk that holds the broker's data. Required
	// with Reference.
	DiskDir string
	// DiskDuration is how long the plain program runs in a round. Default: 2 s.
	DiskDuration time.Duration
	// DiscardCommand starts the server that throws records away: a program
	// that calls [RunDiscard] with the number of partitions that is appended
	// to its arguments. Default: this program with the arguments "bench
	// discard".
	DiscardCommand []string
}

// ErrConfig says that a configuration cannot be run.
var ErrConfig = errors.New("benchmark cannot be run as configured")

func (c ProduceConfig) withDefaults() (ProduceConfig, error) {
	setDefault(&c.Partitions, 10)
	setDefault(&c.RecordSize, 100)
	setDefault(&c.Warmup, 500*time.Millisecond)
	setDefault(&c.Rounds, 3)
	setDefault(&c.Clients, 1)
	setDefault(&c.Window, 32<<20)
	setDefault(&c.BatchBytes, 1_000_012)
	setDefault(&c.Linger, 5*time.Millisecond)
	setDefault(&c.Acks, "all")
	setDefault(&c.Compression, "none")
	setDefault(&c.DiskDuration, 2*time.Second)
	if c.Records == 0 {
		setDefault(&c.Duration, 5*time.Second)
	}
	switch {
	case c.Reference && c.DiskDir == "":
		return c, fmt.Errorf("%w: references need a folder on the broker's disk", ErrConfig)
	case c.RecordSize < 0 || c.Partitions < 0 || c.Rounds < 0 || c.Clients < 0 || c.Records < 0 || c.Duration < 0:
		return c, fmt.Errorf("%w: sizes, counts and times must not be negative", ErrConfig)
	}
	return c, nil
}

// setDefault gives *v the value d if it is zero.
func setDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// clientOptions are the options of a producing client, beside those that reach
// the broker: franz-go's own, save that it stays with a partition for half a
// batch instead of 64 KiB, so that batches fill although partitions are many.
func (c ProduceConfig) clientOptions() ([]kgo.Opt, error) {
	opts := []kgo.Opt{
		kgo.MaxBufferedRecords(math.MaxInt32), // the window is the bound
		kgo.ProducerBatchMaxBytes(c.BatchBytes),
		kgo.ProducerLinger(max(c.Linger, 0)),
		kgo.RecordPartitioner(kgo.UniformBytesPartitioner(int(c.BatchBytes)/2, true, true, nil)),
		kgo.RecordDeliveryTimeout(30 * time.Second),
	}
	codec, err := compression(c.Compression)
	if err != nil {
		return nil, err
	}
	acks, err := acknowledgement(c.Acks)
	if err != nil {
		return nil, err
	}
	return append(append(opts, acks...), kgo.ProducerBatchCompression(codec)), nil
}

func compression(name string) (kgo.CompressionCodec, error) {
	switch name {
	case "none":
		return kgo.NoCompression(), nil
	case "gzip":
		return kgo.GzipCompression(), nil
	case "snappy":
		return kgo.SnappyCompression(), nil
	case "lz4":
		return kgo.Lz4Compression(), nil
	case "zstd":
		return kgo.ZstdCompression(), nil
	}
	return kgo.CompressionCodec{}, fmt.Errorf(
		"%w: compression %q is none of none, gzip, snappy, lz4, zstd", ErrConfig, name)
}

// acknowledgement turns acks into options. An idempotent producer needs
// acks=all (KIP-98), so the others go without, with as many requests in flight.
func acknowledgement(acks string) ([]kgo.Opt, error) {
	weak := func(a kgo.Acks) []kgo.Opt {
		return []kgo.Opt{kgo.RequiredAcks(a), kgo.DisableIdempotentWrite(), kgo.MaxProduceRequestsInflightPerBroker(5)}
	}
	switch acks {
	case "all", "-1":
		return []kgo.Opt{kgo.RequiredAcks(kgo.AllISRAcks())}, nil
	case "1":
		return weak(kgo.LeaderAck()), nil
	case "0":
		return weak(kgo.NoAck()), nil
	}
	return nil, fmt.Errorf("%w: acks %q is none of all, 1, 0", ErrConfig, acks)
}

// Produce measures how fast a broker takes records.
func Produce(ctx context.Context, cfg ProduceConfig) (res *ProduceResult, err error) {
	cfg, err = cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if _, err := cfg.clientOptions(); err != nil {
		return nil, err
	}
	t, err := openTopic(ctx, cfg.Target.Client, cfg.Topic, cfg.Partitions)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closeTopic(ctx, cfg.Target.Client, t)) }()
	r := produceRun{cfg: cfg, topic: t}
	if cfg.Reference {
		if r.discard, err = startDiscard(ctx, cfg.DiscardCommand, t.partitions); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, r.discard.stop()) }()
	}
	res = newProduceResult(cfg, t)
	for i := range cfg.Rounds {
		round, err := r.round(ctx, i+1)
		if err != nil {
			return nil, fmt.Errorf("round %d: %w", i+1, err)
		}
		res.Rounds = append(res.Rounds, round)
	}
	res.Median = medianRound(res.Rounds)
	return res, nil
}

// produceRun is one call of Produce.
type produceRun struct {
	cfg     ProduceConfig
	topic   topic
	discard *discardChild // nil without references
}

// round measures the broker and the references once. The order turns from
// round to round, so that none always comes after the same other.
func (r *produceRun) round(ctx context.Context, n int) (ProduceRound, error) {
	var round ProduceRound
	steps := []func() error{func() (err error) {
		round.Broker, err = r.pass(ctx, r.cfg.Target, "broker", n)
		return err
	}}
	if r.cfg.Reference {
		steps = append(steps, func() error {
			p, err := r.pass(ctx, r.discard.target(ctx), "discard", n)
			round.Discard = &p
			return err
		}, func() error {
			d, err := measureDisk(ctx, r.cfg.DiskDir, r.cfg.DiskDuration)
			round.Disk = &d
			return err
		})
	}
	for i := range steps {
		if err := steps[(i+n-1)%len(steps)](); err != nil {
			return round, err
		}
	}
	round.compare()
	return round, nil
}

// pass measures one server with fresh clients.
func (r *produceRun) pass(ctx context.Context, t Target, phase string, round int) (Pass, error) {
	var seen batches
	loads, err := r.openLoads(t, &seen)
	if err != nil {
		return Pass{}, err
	}
	defer closeLoads(loads)
	if r.cfg.Warmup > 0 {
		if _, err := sendAll(ctx, loads, span{math.MaxInt64, time.Now().Add(r.cfg.Warmup)}); err != nil {
			return Pass{}, err
		}
		for _, l := range loads {
			l.reset()
		}
	}
	stop := watchProgress(r.cfg.Target.Progress, Progress{Phase: phase, Round: round, Rounds: r.cfg.Rounds},
		func() (int64, int64) { return acked(loads), acked(loads) * int64(r.cfg.RecordSize) })
	defer stop()
	watch, err := startWatch(ctx, t.CPU, &seen)
	if err != nil {
		return Pass{}, err
	}
	records, err := sendAll(ctx, loads, r.span())
	if err != nil {
		return Pass{}, err
	}
	p, err := watch.stop(ctx, &seen, records, records*int64(r.cfg.RecordSize))
	p.Ack = ackLatency(loads)
	return p, err
}

// span is what the configuration allows a pass that begins now.
func (r *produceRun) span() span {
	s := span{records: math.MaxInt64, until: time.Now().Add(time.Hour * 24 * 365)}
	if r.cfg.Records > 0 {
		s.records = r.cfg.Records
	}
	if r.cfg.Duration > 0 {
		s.until = time.Now().Add(r.cfg.Duration)
	}
	return s
}

// openLoads makes the clients of a pass and their records.
func (r *produceRun) openLoads(t Target, seen *batches) (loads []*load, err error) {
	opts, err := r.cfg.clientOptions()
	if err != nil {
		return nil, err
	}
	opts = append(append(opts, t.Client...), kgo.WithHooks(seen))
	for range r.cfg.Clients {
		cl, err := kgo.NewClient(opts...)
		if err != nil {
			closeLoads(loads)
			return nil, err
		}
		loads = append(loads, newLoad(cl, r.topic.name, r.cfg.RecordSize, r.cfg.Window))
	}
	return loads, nil
}
