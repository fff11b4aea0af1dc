package demo

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// partitions is the number of partitions of each topic. All topics have the
// same key and number, so one customer's events share a partition number.
const partitions = 4

// createTopics creates the topics that are not there yet, with so many replicas;
// -1 leaves that to the cluster.
func createTopics(ctx context.Context, client *kgo.Client, replicas int16) error {
	created, err := kadm.NewClient(client).CreateTopics(ctx, partitions, replicas, nil, topics()...)
	if err != nil {
		return fmt.Errorf("create topics: %w", err)
	}
	for _, topic := range created.Sorted() {
		if topic.Err != nil && !errors.Is(topic.Err, kerr.TopicAlreadyExists) {
			return fmt.Errorf("create topic %s: %w", topic.Topic, topic.Err)
		}
	}
	return nil
}

// system is the order system: the feed's client, the services, and what they share.
type system struct {
	run      string // prefix of the sources of this run's events
	client   *kgo.Client
	services []*service
	track    *tracker
	rules    *rules // each guarded by its service's state
}

// newSystem connects the services. The topics are created first: a consumer
// that asks for one too early looks again only seconds later.
func newSystem(ctx context.Context, cluster Cluster) (*system, error) {
	s := &system{
		run:   sourcePrefix + strings.ToLower(rand.Text()[:10]) + "/",
		rules: newRules(),
	}
	specs := s.rules.specs()
	client, err := kgo.NewClient(clientOptions(cluster, "orders")...)
	if err != nil {
		return nil, fmt.Errorf("kafka client: %w", err)
	}
	s.client = client
	if err := createTopics(ctx, client, cmp.Or(cluster.Replicas, -1)); err != nil {
		s.close()
		return nil, err
	}
	s.track = newTracker(specs)
	for _, spec := range specs {
		service, err := newService(spec, s.run, cluster, s.track)
		if err != nil {
			s.close()
			return nil, err
		}
		s.services = append(s.services, service)
	}
	return s, nil
}

// close leaves the groups, all at once.
func (s *system) close() {
	var closing sync.WaitGroup
	for _, service := range s.services {
		closing.Go(service.client.CloseAllowingRebalance)
	}
	closing.Wait()
	s.client.Close()
}

// process sends all orders, waits until every service is done with what
// follows from them, and sums up.
func (s *system) process(ctx context.Context, cfg Config, orders *orders) (Report, error) {
	ctx, fail := context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer fail(nil)
	watching.Go(func() {
		if err := s.track.watch(ctx, cfg.StallTimeout); err != nil {
			fail(err)
		}
	})
	if err := s.track.joined(ctx); err != nil { // so that latency is not that of joining
		return Report{}, err
	}
	start := time.Now()
	f := newFeed(orders.rows, cfg, s.run, newOutbox(s.client, s.track), s.track)
	if err := f.send(ctx); err != nil {
		return Report{}, cmp.Or(causeOf(ctx), err)
	}
	if err := s.track.quiet(ctx); err != nil {
		return Report{}, err
	}
	f.report(true)
	report := s.report(f.counts, time.Since(start))
	report.Orders, report.FirstOrder = orders.name, f.firstOrder
	return report, report.check()
}

// report sums up after a run of that length.
func (s *system) report(feed FeedCounts, took time.Duration) Report {
	r := Report{
		Feed: feed, Topics: s.track.events(), Latency: newLatency(s.track.latencies()), Seconds: took.Seconds(),
	}
	r.Events = sum(r.Topics)
	r.OrderRate = float64(feed.started()) / r.Seconds
	r.EventRate = float64(r.Events) / r.Seconds
	for _, service := range s.services {
		service.state.Lock()
		defer service.state.Unlock() // all of them until the end: rules are read below
		r.Services = append(r.Services, service.counts())
	}
	s.rules.sumUp(&r)
	return r
}
