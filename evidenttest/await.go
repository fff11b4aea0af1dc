package evidenttest

import (
	"context"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/event"
)

const (
	// lookAgain is how long the node may do something by its own clock, such as aborting
	// a transaction that took too long, before it is seen.
	lookAgain = 100 * time.Millisecond
	// lookRest lies between two looks at least: time has to pass even for a condition
	// that itself has something happen on the node.
	lookRest = time.Millisecond
)

// patience is how long conditions are waited for: long enough for retries and timeouts
// where time costs nothing, and for a slow machine where it does.
func patience(bubble bool) time.Duration {
	if bubble {
		return 10 * time.Minute
	}
	return time.Minute
}

// Await waits until the condition is met: for 10 minutes within [Run], and for one in
// real time. If it is not, the test fails and is told what was there instead.
func (n *Node) Await(c Condition) {
	n.t.Helper()
	n.await(patience(n.bubble), c)
}

// AwaitWithin waits for d at most.
func (n *Node) AwaitWithin(d time.Duration, c Condition) {
	n.t.Helper()
	n.await(d, c)
}

func (n *Node) await(d time.Duration, c Condition) {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	var instead string
	for {
		changed := n.wire.changed.listen() // before looking: nothing is missed
		ok, now, err := c.met(ctx, n.look)
		switch {
		case ok && err == nil:
			return
		case err == nil:
			instead = now
		case ctx.Err() == nil:
			instead = err.Error()
		}
		if ctx.Err() != nil {
			n.t.Fatalf("waited %v for %s; %s\n%s", d, c.what, instead, strings.TrimRight(n.report(c), "\n"))
		}
		time.Sleep(lookRest)
		until(ctx, changed, lookAgain)
	}
}

// until waits for something, for d, or for the end of ctx.
func until(ctx context.Context, something <-chan struct{}, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-something:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// Records are those of a topic that are committed and still there, one partition after
// another. A topic that is not there has none.
func (n *Node) Records(topic string) []*kgo.Record {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience(n.bubble))
	defer cancel()
	topics, err := n.look.all(ctx, topic)
	if err != nil {
		n.t.Fatalf("reading %s: %v", topic, err)
	}
	var all []*kgo.Record
	for _, t := range topics {
		all = append(all, t.records()...)
	}
	return all
}

// Events are those of a topic that all matches pick, one partition after another.
func (n *Node) Events(topic string, matches ...EventMatch) []event.Event {
	n.t.Helper()
	var all []event.Event
	for _, r := range n.Records(topic) {
		if matchesAll(r, matches) {
			all = append(all, eventOf(r))
		}
	}
	return all
}

// eventOf is a record as an event.
func eventOf(r *kgo.Record) event.Event {
	of := event.Record{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Timestamp: r.Timestamp, Key: r.Key, Value: r.Value}
	for _, h := range r.Headers {
		of.Headers = append(of.Headers, event.Header(h))
	}
	return event.View(&of)
}
