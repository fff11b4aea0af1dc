package bench

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// GatewayConfig says what [Gateway] does. The zero value of each field but Target and URL
// is its default.
type GatewayConfig struct {
	Target Target
	// URL is the node's HTTP address, such as http://127.0.0.1:8080.
	URL string
	// Topic is written to; it is created if it is not there. Default: a topic of the
	// run's own, removed at its end.
	Topic string
	// Partitions is the number of partitions of a topic that is created. Default: 10.
	Partitions int32
	// EventSize is the length of each event as JSON, in bytes. Default: 500.
	EventSize int
	// BatchEvents is how many events a batch has. Default: 1,000.
	BatchEvents int
	// BatchConnections is how many connections send batches. Default: 4.
	BatchConnections int
	// Connections is how many send single events. Default: 64.
	Connections int
	// Duration is how long each way of sending is measured in a round. Default: 5 s.
	Duration time.Duration
	// Warmup is how long each runs before. Default: 1 s; negative: none.
	Warmup time.Duration
	// Rounds is how often. Default: 3.
	Rounds int
}

func (c GatewayConfig) withDefaults() (GatewayConfig, error) {
	setDefault(&c.Partitions, 10)
	setDefault(&c.EventSize, 500)
	setDefault(&c.BatchEvents, 1000)
	setDefault(&c.BatchConnections, 4)
	setDefault(&c.Connections, 64)
	setDefault(&c.Duration, 5*time.Second)
	setDefault(&c.Warmup, time.Second)
	setDefault(&c.Rounds, 3)
	u, err := url.Parse(c.URL)
	switch {
	case err != nil || u.Scheme != "http" || u.Host == "":
		return c, fmt.Errorf("%w: %q is no address such as http://127.0.0.1:8080", ErrConfig, c.URL)
	case c.EventSize < smallestEvent:
		return c, fmt.Errorf("%w: an event of %d bytes: want at least %d", ErrConfig, c.EventSize, smallestEvent)
	case c.BatchEvents < 1 || c.BatchConnections < 1 || c.Connections < 1 || c.Rounds < 1 || c.Duration < 0:
		return c, fmt.Errorf("%w: events, connections and rounds must be above 0", ErrConfig)
	}
	return c, nil
}

// Gateway measures how fast a node takes events over HTTP: in batches, and one by one.
func Gateway(ctx context.Context, cfg GatewayConfig) (res *GatewayResult, err error) {
	cfg, err = cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	t, err := openTopic(ctx, cfg.Target.Client, cfg.Topic, cfg.Partitions)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closeTopic(ctx, cfg.Target.Client, t)) }()
	u, err := url.Parse(cfg.URL)
	if err != nil {
		return nil, err
	}
	r := gatewayRun{cfg: cfg, host: u.Host, topic: t.name}
	res = &GatewayResult{EventSize: cfg.EventSize, BatchEvents: cfg.BatchEvents, BatchConnections: cfg.BatchConnections, Connections: cfg.Connections, Partitions: t.partitions}
	for n := range cfg.Rounds {
		batch, err := r.measure(ctx, n, "batches", cfg.BatchConnections, cfg.BatchEvents)
		if err != nil {
			return nil, err
		}
		single, err := r.measure(ctx, n, "single events", cfg.Connections, 0)
		if err != nil {
			return nil, err
		}
		res.Batch, res.Single = append(res.Batch, batch), append(res.Single, single)
	}
	return res, nil
}

// gatewayRun is one call of Gateway.
type gatewayRun struct {
	cfg         GatewayConfig
	host, topic string
	sent        sequence // ids that no event had
}

// measure has connections send for the duration, batches of so many events or, if that is
// 0, single ones, and tells what came of it.
func (r *gatewayRun) measure(ctx context.Context, round int, phase string, connections, batch int) (GatewayRound, error) {
	senders := make([]*eventSender, connections)
	for i := range senders {
		s, err := newEventSender(ctx, r, batch)
		if err != nil {
			return GatewayRound{}, err
		}
		defer s.close()
		senders[i] = s
	}
	if err := sendEvents(ctx, senders, max(r.cfg.Warmup, 0)); err != nil {
		return GatewayRound{}, err
	}
	for _, s := range senders {
		s.events, s.took = 0, Histogram{}
	}
	if r.cfg.Target.Progress != nil {
		r.cfg.Target.Progress(Progress{Phase: phase, Round: round + 1, Rounds: r.cfg.Rounds})
	}
	before, err := r.cpu(ctx)
	if err != nil {
		return GatewayRound{}, err
	}
	began := time.Now()
	if err := sendEvents(ctx, senders, r.cfg.Duration); err != nil {
		return GatewayRound{}, err
	}
	elapsed := time.Since(began)
	after, err := r.cpu(ctx)
	if err != nil {
		return GatewayRound{}, err
	}
	return gatewayRound(senders, elapsed, after-before), nil
}

// cpu is the CPU time of the node; 0 if it cannot be read.
func (r *gatewayRun) cpu(ctx context.Context) (time.Duration, error) {
	if r.cfg.Target.CPU == nil {
		return 0, nil
	}
	return r.cfg.Target.CPU(ctx)
}

// sendEvents has senders send side by side for a while.
func sendEvents(ctx context.Context, senders []*eventSender, d time.Duration) error {
	until := time.Now().Add(d)
	g, ctx := errgroup.WithContext(ctx)
	for _, s := range senders {
		g.Go(func() error {
			for time.Now().Before(until) && ctx.Err() == nil {
				if err := s.send(); err != nil {
					return err
				}
			}
			return ctx.Err()
		})
	}
	return g.Wait()
}

// A sequence gives numbers, each once.
type sequence struct {
	mu   sync.Mutex
	next int64
}

// take takes n numbers, and returns the first.
func (s *sequence) take(n int) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next += int64(n)
	return s.next - int64(n)
}
