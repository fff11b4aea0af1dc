package demo

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// tracker knows how far the order system is: which events are durable, which
// service has handled which, and which orders are under way. All services and
// the feed write to it; the run waits on it.
type tracker struct {
	// reads are the topics of each service. Immutable.
	reads map[string][]string

	mu struct {
		sync.Mutex
		joined   map[string]bool           // services that were given partitions
		produced map[string]int            // durable events by topic
		handled  map[string]map[string]int // by service and topic: outputs durable, offsets committed
		begun    map[string]time.Time      // orders under way: when their first event was sent
		elapsed  []time.Duration           // of each finished order, from first event sent to final status durable
		trouble  map[string]error          // the last group error of each service
		last     time.Time                 // when any of these last changed
	}
	changed *sync.Cond // on mu
}

func newTracker(services []spec) *tracker {
	t := &tracker{reads: make(map[string][]string, len(services))}
	t.mu.joined = make(map[string]bool)
	t.mu.produced = make(map[string]int)
	t.mu.begun = make(map[string]time.Time)
	t.mu.trouble = make(map[string]error)
	t.mu.handled = make(map[string]map[string]int, len(services))
	for _, s := range services {
		t.reads[s.name] = s.reads
		t.mu.handled[s.name] = make(map[string]int)
	}
	t.mu.last = time.Now()
	t.changed = sync.NewCond(&t.mu)
	return t
}

// change runs f under the lock and wakes who waits.
func (t *tracker) change(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f()
	t.mu.last = time.Now()
	t.changed.Broadcast()
}

// join notes that a service is a member of its group and was given partitions.
func (t *tracker) join(service string) {
	t.change(func() {
		t.mu.joined[service] = true
		delete(t.mu.trouble, service)
	})
}

// joined waits until every service is a member of its group.
func (t *tracker) joined(ctx context.Context) error {
	return t.wait(ctx, func() bool { return len(t.mu.joined) == len(t.reads) })
}

// begin notes that an order's first event is about to be sent.
func (t *tracker) begin(order string) {
	t.change(func() { t.mu.begun[order] = time.Now() })
}

// durable notes that an event has been acknowledged, and whether it ends its order.
func (t *tracker) durable(topic, order string, final bool) {
	t.change(func() {
		t.mu.produced[topic]++
		if begun, ok := t.mu.begun[order]; ok && final {
			t.mu.elapsed = append(t.mu.elapsed, time.Since(begun))
			delete(t.mu.begun, order)
		}
	})
}

// handle notes that a service is done with that many events of each topic.
func (t *tracker) handle(service string, events map[string]int) {
	t.change(func() {
		for topic, n := range events {
			t.mu.handled[service][topic] += n
		}
	})
}

// note keeps a group error of a service, which its client goes on to mend, for
// the case that it does not.
func (t *tracker) note(service string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mu.trouble[service] = err
}

// finished returns how many orders have their final status.
func (t *tracker) finished() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.mu.elapsed)
}

// latencies returns the time of each finished order, shortest first.
func (t *tracker) latencies() []time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Sorted(slices.Values(t.mu.elapsed))
}

// events returns the number of durable events by topic.
func (t *tracker) events() map[string]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.mu.produced)
}

// room waits until fewer than n orders are under way.
func (t *tracker) room(ctx context.Context, n int) error {
	return t.wait(ctx, func() bool { return len(t.mu.begun) < n })
}

// quiet waits until every durable event has been handled by every service that
// reads its topic. A service counts its outputs as durable before it counts
// their cause as handled, so quiet means that nothing more is to come. It is
// for when the feed has ended.
func (t *tracker) quiet(ctx context.Context) error {
	return t.wait(ctx, func() bool { return len(t.lag()) == 0 })
}

// wait blocks until a condition on what mu guards holds.
func (t *tracker) wait(ctx context.Context, until func() bool) error {
	stop := context.AfterFunc(ctx, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.changed.Broadcast()
	})
	defer stop()
	t.mu.Lock()
	defer t.mu.Unlock()
	for !until() {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		t.changed.Wait()
	}
	return nil
}

// lag says, for people, what each service has not handled yet. The caller holds mu.
func (t *tracker) lag() []string {
	var lag []string
	for _, service := range slices.Sorted(maps.Keys(t.reads)) {
		trouble := ""
		if err := t.mu.trouble[service]; err != nil {
			trouble = fmt.Sprintf(" (%v)", err)
		}
		if !t.mu.joined[service] {
			lag = append(lag, service+" has not joined its consumer group"+trouble)
		}
		for _, topic := range t.reads[service] {
			if handled, produced := t.mu.handled[service][topic], t.mu.produced[topic]; handled != produced {
				lag = append(lag, fmt.Sprintf("%s has handled %d of %d events of %s%s", service, handled, produced, topic, trouble))
			}
		}
	}
	return lag
}

// StallError says that the order system stood still with work left.
type StallError struct {
	After time.Duration // how long nothing moved
	Open  int           // orders without a final status
	Lag   []string      // what each service has not handled
}

// Error implements error.
func (e *StallError) Error() string {
	return fmt.Sprintf("nothing moved for %v with %d orders under way: %s", e.After, e.Open, strings.Join(e.Lag, "; "))
}

// stalled returns a *StallError if work is left and nothing moved for so long.
func (t *tracker) stalled(after time.Duration) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	lag := t.lag()
	if len(lag) == 0 && len(t.mu.begun) == 0 || time.Since(t.mu.last) < after {
		return nil
	}
	return &StallError{After: after, Open: len(t.mu.begun), Lag: lag}
}

// watch returns an error once the order system stalls, or nil when ctx ends.
func (t *tracker) watch(ctx context.Context, after time.Duration) error {
	tick := time.NewTicker(max(after/8, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := t.stalled(after); err != nil {
				return err
			}
		}
	}
}
