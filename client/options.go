package client

import (
	"crypto/rand"
	"crypto/tls"
	"io"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
)

// DefaultSource is the source of events that have none, if [WithSource] does not say
// another. Programs should: id and source together tell events apart.
const DefaultSource = "/evident/client"

type config struct {
	kafka  []kgo.Opt
	source string
	logger *slog.Logger
	now    func() time.Time
	random io.Reader
	claims claims
}

func newConfig(brokers []string, opts []Option) config {
	cfg := config{
		source: DefaultSource, logger: slog.New(slog.DiscardHandler), now: time.Now, random: rand.Reader,
		// Batches form while one is under way; waiting for more only adds latency.
		kafka: []kgo.Opt{kgo.ProducerLinger(0)},
	}
	if len(brokers) > 0 {
		cfg.kafka = append(cfg.kafka, kgo.SeedBrokers(brokers...))
	}
	for _, o := range opts {
		o(&cfg)
	}
	return cfg
}

// An Option changes how a [Client] works.
type Option func(*config)

// WithKafka adds options of franz-go's client; they win over what this package sets.
// With them a client can be made like an existing one, whose options its method Opts
// returns, or like that of a node in the same process.
func WithKafka(opts ...kgo.Opt) Option {
	return func(c *config) { c.kafka = append(c.kafka, opts...) }
}

// WithTLS connects by TLS. A nil configuration is that of the system.
func WithTLS(t *tls.Config) Option {
	if t == nil {
		t = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	return WithKafka(kgo.DialTLSConfig(t))
}

// WithSASL logs in, with the first of the mechanisms that the broker has. They are in
// franz-go's packages below pkg/sasl.
func WithSASL(mechanisms ...sasl.Mechanism) Option { return WithKafka(kgo.SASL(mechanisms...)) }

// WithSource is the source, a URI-reference, of events that are produced without one.
func WithSource(source string) Option { return func(c *config) { c.source = source } }

// WithLogger receives what an operator should know: retries, records that were given
// up, reconnections. Without it, nobody does; [Consumer.Stats] counts all of it.
func WithLogger(l *slog.Logger) Option { return func(c *config) { c.logger = l } }

// WithClock gives the time for stamps and staleness, instead of time.Now. Timeouts and
// pauses go by the real one.
func WithClock(now func() time.Time) Option { return func(c *config) { c.now = now } }

// WithRandom makes ids unique, instead of crypto/rand.
func WithRandom(r io.Reader) Option { return func(c *config) { c.random = r } }
