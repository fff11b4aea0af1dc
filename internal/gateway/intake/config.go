package intake

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/claim"
	"github.com/evidentlog/evident/internal/gateway/once"
	"github.com/evidentlog/evident/internal/obs"
)

// Defaults of Config.
const (
	DefaultWindow = 24 * time.Hour
	DefaultIDs    = 10_000_000
	// DefaultPatience is enough for a broker to start again.
	DefaultPatience = 30 * time.Second
)

// defaultBatch is how large a record batch may be if a topic does not say, in bytes:
// franz-go's own, a little less than Kafka's.
const defaultBatch = 1_000_012

// Config configures an intake.
type Config struct {
	// Client makes clients of the cluster.
	Client func(...kgo.Opt) (*kgo.Client, error)
	// Claims keeps data that is too large for its topic; nil: such events are refused.
	Claims claim.Store
	// Window is for how long an event is known again. Default: DefaultWindow.
	Window time.Duration
	// IDs is how many of the newest events are. Default: DefaultIDs.
	IDs int
	// Patience is how long the log may take to acknowledge. Default: DefaultPatience.
	Patience time.Duration
	// Logger is told what an operator should know. Default: discard.
	Logger *slog.Logger
	// Metrics receives the intake's figures. Default (nil): none.
	Metrics prometheus.Registerer
}

func (c *Config) setDefaults() {
	if c.Window == 0 {
		c.Window = DefaultWindow
	}
	if c.IDs == 0 {
		c.IDs = DefaultIDs
	}
	if c.Patience == 0 {
		c.Patience = DefaultPatience
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

// An Intake takes events in. Its methods may be called by any goroutine.
type Intake struct {
	cfg        Config
	client     *kgo.Client
	index      *once.Index[leader]
	figures    figures
	registered *obs.Registered
	loads      chan struct{}        // a place for each topic that is being read
	place      kgo.TopicPartitioner // Kafka's, of keys: by murmur2

	mu struct {
		sync.Mutex
		topics map[string]*topic
	}
}

// New makes an intake, which is to be closed.
func New(cfg Config) (*Intake, error) {
	cfg.setDefaults()
	in := &Intake{cfg: cfg, loads: make(chan struct{}, loadsAtOnce), place: kgo.StickyKeyPartitioner(nil).ForTopic("")}
	in.mu.topics = make(map[string]*topic)
	var err error
	if in.index, err = once.New[leader](once.Config{Window: cfg.Window, Limit: cfg.IDs}); err != nil {
		return nil, err
	}
	if in.client, err = cfg.Client(
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0), kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.RequiredAcks(kgo.AllISRAcks()), kgo.MaxBufferedRecords(1<<20), kgo.ProducerBatchMaxBytesFn(in.batchBytes),
		kgo.RecordDeliveryTimeout(cfg.Patience), kgo.ClientID("evident-gateway"),
	); err != nil {
		return nil, fmt.Errorf("client of events that come in: %w", err)
	}
	if in.registered, err = in.figures.register(cfg.Metrics, in.index); err != nil {
		in.client.Close()
		return nil, err
	}
	return in, nil
}

// closingPatience is how long the log may take to acknowledge what is under way at the
// end.
const closingPatience = 2 * time.Second

// Close ends all writing: what is not acknowledged soon fails.
func (in *Intake) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), closingPatience)
	defer cancel()
	if err := in.client.Flush(ctx); err != nil {
		in.cfg.Logger.Warn("events that came in are not acknowledged: who sent them is told so", "error", err)
	}
	in.client.Close()
	in.registered.Close()
}
