package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/engine/cluster"
)

const (
	// probeEvery is how long the cluster is left alone between two probes.
	probeEvery = 5 * time.Second
	// probePatience is how long the cluster may take to answer one.
	probePatience = 5 * time.Second
	// Pauses between attempts to reach the cluster at the start.
	firstPause, longestPause = 100 * time.Millisecond, 10 * time.Second
)

// Config is a cluster that somebody else runs, and how it is used.
type Config struct {
	cluster.Config
	// ReplicationFactor is how many replicas topics are to have; at its start the
	// node waits until there are as many brokers. Default: what the cluster says.
	ReplicationFactor int16
	// Logger receives what an operator should know. It must be set.
	Logger *slog.Logger
	// Metrics receives the engine's collectors, if it is set.
	Metrics prometheus.Registerer
}

// names are what the settings are called.
func names() cluster.Names {
	return cluster.Names{
		Brokers: "--kafka", TLS: "--kafka-tls", CA: "--kafka-tls-ca", Cert: "--kafka-tls-cert", Key: "--kafka-tls-key",
		Mechanism: "--kafka-sasl-mechanism", User: "--kafka-user", Password: "--kafka-password",
		Token: "--kafka-token", TokenURL: "--kafka-token-url", Scope: "--kafka-token-scope",
		Insecure: "--insecure", Login: "--kafka-sasl-mechanism", Start: "is the cluster up? Start it",
	}
}

// Validate reports what is wrong with the configuration, in words for whoever
// wrote it.
func (c Config) Validate() error {
	if c.ReplicationFactor < 0 {
		return fmt.Errorf("--replication-factor %d: want at least 1", c.ReplicationFactor)
	}
	return c.Config.Validate(names())
}

// remote is somebody else's cluster.
type remote struct {
	cfg     Config
	access  *cluster.Access
	metrics *metrics

	mu struct {
		sync.Mutex
		failure error // why the last probe failed; nil: it was answered
	}
}

// errNotYet is what is wrong with a cluster that was not asked yet.
var errNotYet = errors.New("the Kafka cluster has not answered yet")

// Connect makes an engine of a cluster. It reads the files that cfg names and
// connects nothing yet: [Engine.Await] does.
func Connect(cfg Config) (*Engine, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	access, err := cfg.Access(names())
	if err != nil {
		return nil, err
	}
	r := &remote{cfg: cfg, access: access}
	r.mu.failure = errNotYet
	if r.metrics, err = newMetrics(cfg.Metrics, func() bool { return r.health() == nil }); err != nil {
		return nil, err
	}
	return &Engine{remote: r, options: append(access.Options(), kgo.WithHooks(r.metrics))}, nil
}

// Health is why the cluster cannot be worked with at the moment, nil if it can.
// The embedded broker always can.
func (e *Engine) Health() error {
	if e.remote == nil {
		return nil
	}
	return e.remote.health()
}

func (r *remote) health() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mu.failure
}

// note keeps how a probe went and tells whether that is news.
func (r *remote) note(failure error) (news bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.mu.failure
	r.mu.failure = failure
	return (before == nil) != (failure == nil) || before != nil && before.Error() != failure.Error()
}

// Await waits until the cluster has answered and is good enough. It asks again
// and again while the cluster cannot be reached, and logs why whenever that
// changes. When ctx ends it returns the last reason, which then is the error of
// ctx, too. A reason that time does not mend (wrong credentials, a cluster that
// is too old) ends it at once.
func (e *Engine) Await(ctx context.Context) error {
	if e.remote == nil {
		return nil
	}
	var last error
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		c, err := e.ask(ctx)
		if err == nil {
			err = e.remote.replicates(c)
		}
		if err == nil {
			e.remote.note(nil)
			e.remote.cfg.Logger.LogAttrs(ctx, slog.LevelInfo, "the Kafka cluster answers", c.attrs()...)
			return nil
		}
		if ctx.Err() != nil {
			return &waitError{cmp.Or(last, err), ctx.Err()}
		}
		last = err
		news := e.remote.note(err)
		if final(err) {
			return err
		}
		if news {
			e.remote.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "waiting for the Kafka cluster", slog.Any("reason", err))
		}
		if !sleep(ctx, pause) {
			return &waitError{last, ctx.Err()}
		}
	}
}

// waitError says why a cluster had not answered when the time was over.
type waitError struct{ reason, over error }

func (e *waitError) Error() string   { return e.reason.Error() }
func (e *waitError) Unwrap() []error { return []error{e.reason, e.over} }

// ask probes the cluster once and says in words what is wrong.
func (e *Engine) ask(ctx context.Context) (Capabilities, error) {
	client, err := e.own()
	if err != nil {
		return Capabilities{}, err
	}
	timely, cancel := context.WithTimeout(ctx, probePatience)
	defer cancel()
	c, err := e.probe(timely, client)
	if err != nil {
		return c, e.remote.explain(err)
	}
	return c, c.enough()
}

// replicates tells whether there are brokers for all replicas that topics are made
// with. Once there were, one that is away keeps nobody from working.
func (r *remote) replicates(c Capabilities) error {
	if want := int(r.cfg.ReplicationFactor); want > c.Brokers {
		return fmt.Errorf("--replication-factor %d needs as many brokers, and %d answered", want, c.Brokers)
	}
	return nil
}

// explain says why a probe failed.
func (r *remote) explain(err error) error {
	if explained := r.access.Explain(err); explained != nil {
		return explained
	}
	where := strings.Join(r.cfg.Brokers, ", ")
	if cluster.Late(err) {
		return fmt.Errorf("no answer from %s within %s: %w", where, probePatience, err)
	}
	return fmt.Errorf("cannot work with the Kafka cluster at %s: %w", where, err)
}

// final tells whether asking again is of no use.
func final(err error) bool {
	var unreachable *cluster.UnreachableError
	return errors.As(err, &unreachable) && unreachable.Final || errors.As(err, new(*TooOldError)) || errors.Is(err, ErrClosed)
}

// Watch asks the cluster every few seconds until ctx ends, so that
// [Engine.Health] and [Engine.Capabilities] stay true, and logs what changes.
func (e *Engine) Watch(ctx context.Context) {
	if e.remote == nil {
		return
	}
	for sleep(ctx, probeEvery) {
		e.look(ctx)
	}
}

// look is one round of Watch.
func (e *Engine) look(ctx context.Context) {
	e.mu.Lock()
	before := e.mu.probed
	e.mu.Unlock()
	logger := e.remote.cfg.Logger
	now, err := e.ask(ctx)
	if err != nil && ctx.Err() == nil {
		now, err = e.ask(ctx) // a connection that was closed meanwhile is no news: a new one is
	}
	switch {
	case ctx.Err() != nil:
	case err != nil:
		if e.remote.note(err) {
			logger.LogAttrs(ctx, slog.LevelWarn, "the Kafka cluster does not answer", slog.Any("reason", err))
		}
	case e.remote.note(nil) || before == nil || !now.equal(*before):
		logger.LogAttrs(ctx, slog.LevelInfo, "the Kafka cluster answers", now.attrs()...)
	}
}

// sleep waits for d and returns false if ctx ended before.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// attrs is what the log says of a cluster.
func (c Capabilities) attrs() []slog.Attr {
	lacks := make([]string, 0, len(c.Lacking()))
	for _, l := range c.Lacking() {
		lacks = append(lacks, fmt.Sprintf("%s (%s, Kafka %s)", l.Feature, l.Feature.needs().kip, l.Since))
	}
	if len(lacks) == 0 {
		lacks = []string{"nothing"}
	}
	return []slog.Attr{slog.String("looks_like", c.Version), slog.Int("brokers", c.Brokers), slog.String("lacks", strings.Join(lacks, ", "))}
}
