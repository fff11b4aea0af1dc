package demo

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/event"
)

// observer reads what the order system writes, as a stranger would: committed events
// only, from all topics. What the report says is what it saw. So nothing that is counted
// depends on a service that may be killed, and an event that lies in the log twice would
// be found.
type observer struct {
	run    string // only events of it count
	client *kgo.Client
	admin  *kadm.Client

	mu struct {
		sync.Mutex
		next map[place]int64 // offset after what was read, markers of transactions included
		last map[place]int64 // offset after the last event
		sums *sums
		// begun has the orders under way: when their first event was sent. elapsed is of
		// each finished one, until its final status was read.
		begun    map[string]time.Time
		elapsed  []time.Duration
		started  bool // all services have joined
		draining bool // all orders have been sent
		trouble  error
		moved    time.Time // when an event was last read, or sent
	}
	changed *sync.Cond // on mu
}

// place is a partition of a topic.
type place struct {
	topic     string
	partition int32
}

// newObserver makes an observer of what is written from now on.
func newObserver(ctx context.Context, cluster Cluster, run string) (*observer, error) {
	o := &observer{run: run}
	o.changed = sync.NewCond(&o.mu)
	o.mu.next, o.mu.last = make(map[place]int64), make(map[place]int64)
	o.mu.sums, o.mu.begun, o.mu.moved = newSums(), make(map[string]time.Time), time.Now()
	client, err := kgo.NewClient(append(clientOptions(cluster, "observer"),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
	)...)
	if err != nil {
		return nil, fmt.Errorf("kafka client: %w", err)
	}
	o.client, o.admin = client, kadm.NewClient(client)
	ends, err := o.ends(ctx)
	if err != nil {
		client.Close()
		return nil, err
	}
	from := make(map[string]map[int32]kgo.Offset)
	for at, offset := range ends {
		o.mu.next[at] = offset
		if from[at.topic] == nil {
			from[at.topic] = make(map[int32]kgo.Offset)
		}
		from[at.topic][at.partition] = kgo.NewOffset().At(offset)
	}
	client.AddConsumePartitions(from)
	return o, nil
}

// ends are the offsets up to which all topics can be read now.
func (o *observer) ends(ctx context.Context) (map[place]int64, error) {
	listed, err := o.admin.ListCommittedOffsets(ctx, topics()...)
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("list the ends of topics: %w", err)
	}
	ends := make(map[place]int64)
	listed.Each(func(l kadm.ListedOffset) { ends[place{l.Topic, l.Partition}] = l.Offset })
	return ends, nil
}

// watch reads until ctx ends. The client mends what it can by itself, a node that is
// away too; what it says of that is kept for the case that nothing comes any more.
func (o *observer) watch(ctx context.Context) error {
	for ctx.Err() == nil {
		fetches := o.client.PollFetches(ctx)
		var events []event.Event
		var foreign int
		for r := range fetches.RecordsAll() {
			if r.Attrs.IsControl() {
				continue
			}
			e, err := readEvent(r)
			if err != nil || runOf(&e) != o.run {
				foreign++ // of another run on the same data, or somebody else's
				continue
			}
			events = append(events, e)
		}
		if err := o.note(fetches, events, foreign); err != nil {
			return err
		}
	}
	return nil
}

// note takes account of what was read.
func (o *observer) note(fetches kgo.Fetches, events []event.Event, foreign int) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	defer o.changed.Broadcast()
	fetches.EachError(func(topic string, partition int32, err error) {
		if topic != "" {
			o.mu.trouble = fmt.Errorf("read %s, partition %d: %w", topic, partition, err)
		}
	})
	for r := range fetches.RecordsAll() {
		at := place{r.Topic, r.Partition}
		o.mu.next[at] = r.Offset + 1
		if !r.Attrs.IsControl() {
			o.mu.last[at] = r.Offset + 1
		}
	}
	o.mu.sums.foreign += foreign
	for i := range events {
		o.mu.moved, o.mu.trouble = time.Now(), nil
		final, err := o.mu.sums.add(&events[i])
		if err != nil {
			return err
		}
		if final {
			o.finish(events[i].Subject)
		}
	}
	return nil
}

// finish notes that an order has its final status. The caller holds mu.
func (o *observer) finish(order string) {
	if begun, ok := o.mu.begun[order]; ok {
		o.mu.elapsed = append(o.mu.elapsed, time.Since(begun))
		delete(o.mu.begun, order)
	}
}

// begin notes that an order's first event is about to be sent.
func (o *observer) begin(order string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	defer o.changed.Broadcast()
	o.mu.begun[order] = time.Now()
	o.mu.moved = time.Now()
}

// finished returns how many orders have their final status.
func (o *observer) finished() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.mu.elapsed)
}

// latencies returns the time of each finished order, shortest first.
func (o *observer) latencies() []time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Sorted(slices.Values(o.mu.elapsed))
}

// sumUp adds what was seen to a report.
func (o *observer) sumUp(r *Report) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.mu.sums.sumUp(r)
}

// room waits until fewer than n orders are under way.
func (o *observer) room(ctx context.Context, n int) error {
	return o.wait(ctx, func() bool { return len(o.mu.begun) < n })
}

// reached waits until so many orders have their final status.
func (o *observer) reached(ctx context.Context, orders int) error {
	return o.wait(ctx, func() bool { return len(o.mu.elapsed) >= orders })
}

// upTo waits until all that lies before these offsets was read.
func (o *observer) upTo(ctx context.Context, ends map[place]int64) error {
	return o.wait(ctx, func() bool {
		for at, end := range ends {
			if o.mu.next[at] < end {
				return false
			}
		}
		return true
	})
}

// events are the offsets after the last event of each partition that was read.
func (o *observer) events() map[place]int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return maps.Clone(o.mu.last)
}

// wait blocks until a condition on what mu guards holds.
func (o *observer) wait(ctx context.Context, until func() bool) error {
	stop := context.AfterFunc(ctx, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.changed.Broadcast()
	})
	defer stop()
	o.mu.Lock()
	defer o.mu.Unlock()
	for !until() {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		o.changed.Wait()
	}
	return nil
}
