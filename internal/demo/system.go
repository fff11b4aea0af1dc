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

	"github.com/evidentlog/evident/client"
)

// partitions is the number of partitions of each topic. All topics have the same number,
// so that tasks of a service that reads several have one customer's events together.
const partitions = 4

// keepForever is a setting of topics: the timestamps of events are those of the data,
// which are long past what topics keep by default.
var keepForever = "-1"

// CreateTopics creates the topics that are not there yet, with so many replicas;
// 0 leaves that to the cluster.
func CreateTopics(ctx context.Context, kafka *kgo.Client, replicas int16) error {
	settings := map[string]*string{"retention.ms": &keepForever}
	created, err := kadm.NewClient(kafka).CreateTopics(ctx, partitions, cmp.Or(replicas, -1), settings, topics()...)
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

// clientOptions are the options that all clients of the demo share. The client
// is idempotent and asks for acks=all by default.
func clientOptions(cluster Cluster, name string) []kgo.Opt {
	return append(append([]kgo.Opt{}, cluster.Options...),
		kgo.ClientID("evident-demo-"+name),
		kgo.ProducerLinger(0), // latency counts; batches form while one is under way
	)
}

// system is the order system as far as it is not the node's: the feed's client, the
// service that is a handler of the SDK, and who looks on.
type system struct {
	kafka    *kgo.Client // of the feed
	sdk      *client.Client
	notices  *client.Consumer
	observer *observer
}

// newSystem connects. The topics are created first: a consumer that asks for one too
// early looks again only seconds later.
func newSystem(ctx context.Context, cluster Cluster) (s *system, err error) {
	s = &system{}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.kafka, err = kgo.NewClient(clientOptions(cluster, "orders")...); err != nil {
		return nil, fmt.Errorf("kafka client: %w", err)
	}
	if err := CreateTopics(ctx, s.kafka, cluster.Replicas); err != nil {
		return nil, err
	}
	if s.sdk, err = client.Connect(ctx, nil, client.WithKafka(clientOptions(cluster, serviceNotification)...)); err != nil {
		return nil, err
	}
	if s.notices, err = s.sdk.Consumer(serviceNotification, []string{TopicOrderStatus}, notify, client.ExactlyOnce()); err != nil {
		return nil, err
	}
	run := sourcePrefix + strings.ToLower(rand.Text()[:10]) + "/"
	s.observer, err = newObserver(ctx, cluster, run)
	return s, err
}

// close ends the connections.
func (s *system) close() {
	if s.observer != nil {
		s.observer.client.Close()
	}
	if s.sdk != nil {
		s.sdk.Close()
	}
	if s.kafka != nil {
		s.kafka.Close()
	}
}

// process sends all orders, waits until every service is done with what
// follows from them, and sums up.
func (s *system) process(ctx context.Context, cfg Config, cluster Cluster, orders *orders) (Report, error) {
	ctx, fail := context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer fail(nil)
	watching.Go(func() {
		if err := s.observer.stalls(ctx, cfg.StallTimeout); err != nil {
			fail(err)
		}
	})
	if err := s.observer.joined(ctx); err != nil {
		return Report{}, cmp.Or(causeOf(ctx), err)
	}
	kills := 0
	watching.Go(func() {
		var err error
		if kills, err = s.kill(ctx, cfg.Kills, cluster); err != nil {
			fail(err)
		}
	})
	start := time.Now()
	f := newFeed(orders.rows, cfg, &outbox{client: s.kafka}, s.observer)
	if err := f.send(ctx); err != nil {
		return Report{}, cmp.Or(causeOf(ctx), err)
	}
	if err := s.observer.quiet(ctx); err != nil {
		return Report{}, cmp.Or(causeOf(ctx), err)
	}
	took := time.Since(start)
	fail(nil)
	watching.Wait()
	f.report(true)
	report := s.report(f.counts, took)
	report.Orders, report.FirstOrder, report.Kills = orders.name, f.firstOrder, kills
	return report, report.check()
}

// killEvery is how many orders get their final status before the node is killed again.
const killEvery = 12

// kill kills the node so many times while orders are under way, and returns how often it
// came to that.
func (s *system) kill(ctx context.Context, times int, cluster Cluster) (kills int, err error) {
	for kills < times {
		if err := s.observer.reached(ctx, killEvery*(kills+1)); err != nil {
			return kills, nil // the run is over
		}
		if err := cluster.Kill(ctx); err != nil {
			return kills, fmt.Errorf("kill the node: %w", err)
		}
		kills++
	}
	return kills, nil
}

// report sums up after a run of that length.
func (s *system) report(feed FeedCounts, took time.Duration) Report {
	r := Report{Feed: feed, Latency: newLatency(s.observer.latencies()), Seconds: took.Seconds()}
	s.observer.sumUp(&r)
	r.OrderRate = float64(feed.started()) / r.Seconds
	r.EventRate = float64(r.Events) / r.Seconds
	return r
}
