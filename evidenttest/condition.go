package evidenttest

import (
	"context"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/event"
)

// Condition is something that a node may come to. Records of transactions count when
// these are committed.
type Condition struct {
	what   string   // in words, such as "at least 3 records in orders"
	topics []string // that are shown if it is not met
	groups bool     // groups and transactions are, too
	// met tells whether it is met now, and otherwise what is instead.
	met func(ctx context.Context, l *look) (ok bool, instead string, err error)
}

// String is what the condition is.
func (c Condition) String() string { return c.what }

// EventMatch picks events. Records that are no CloudEvents are seen as [event.View] shows
// them.
type EventMatch struct {
	what  string
	picks func(*event.Event) bool
}

// Type picks events of a type.
func Type(t string) EventMatch {
	return Where("type "+t, func(e *event.Event) bool { return e.Type == t })
}

// Subject picks events with a subject.
func Subject(s string) EventMatch {
	return Where("subject "+s, func(e *event.Event) bool { return e.Subject == s })
}

// CausedBy picks events whose causationid is an event's id.
func CausedBy(cause *event.Event) EventMatch {
	return Where("causationid "+cause.ID, func(e *event.Event) bool {
		id, ok := e.Extension("causationid")
		return ok && id.String() == cause.ID
	})
}

// Where picks events by the test's own function. what says which, as in "amount over 100".
func Where(what string, picks func(*event.Event) bool) EventMatch {
	return EventMatch{what, picks}
}

// Records is met when there are at least n records in a topic.
func Records(topic string, n int) Condition {
	what := fmt.Sprintf("at least %s in %s", count(n, "record"), topic)
	return ofTopic(topic, what, n, func(*kgo.Record) bool { return true })
}

// Record is met when there is a record in a topic that picks picks. what says which, as in
// "of last year".
func Record(topic, what string, picks func(*kgo.Record) bool) Condition {
	return ofTopic(topic, "a record in "+topic+" "+what, 1, picks)
}

// Event is met when there is an event in a topic that all matches pick.
func Event(topic string, matches ...EventMatch) Condition {
	return Events(topic, 1, matches...)
}

// Events is met when there are at least n events in a topic that all matches pick.
func Events(topic string, n int, matches ...EventMatch) Condition {
	what := fmt.Sprintf("at least %s in %s", count(n, "event"), topic)
	for i, m := range matches {
		what += []string{" with ", ", "}[min(i, 1)] + m.what
	}
	return ofTopic(topic, what, n, func(r *kgo.Record) bool { return matchesAll(r, matches) })
}

func matchesAll(r *kgo.Record, matches []EventMatch) bool {
	e := eventOf(r)
	for _, m := range matches {
		if !m.picks(&e) {
			return false
		}
	}
	return true
}

func ofTopic(name, what string, n int, picks func(*kgo.Record) bool) Condition {
	met := func(ctx context.Context, l *look) (bool, string, error) {
		topics, err := l.all(ctx, name)
		if err != nil {
			return false, "", err
		}
		found := 0
		for _, t := range topics {
			for _, r := range t.records() {
				if picks(r) {
					found++
				}
			}
		}
		return found >= n, fmt.Sprintf("there are %d", found), nil
	}
	return Condition{what: what, topics: []string{name}, met: met}
}

// Consumed is met when a consumer group has committed all records of the topics that it
// has joined for, or has positions of.
func Consumed(name string) Condition {
	met := func(ctx context.Context, l *look) (bool, string, error) {
		topics, err := l.all(ctx)
		if err != nil {
			return false, "", err
		}
		groups, err := l.groups(ctx, topics, name)
		if err != nil {
			return false, "", err
		}
		g := groups[0]
		return len(g.positions) > 0 && g.left() == 0, fmt.Sprintf("%d are left", g.left()), nil
	}
	return Condition{what: "group " + name + " to consume everything", groups: true, met: met}
}

// That is met when the test's own function says so. It is asked again whenever something
// has happened on the node. what says what is waited for, as in "the cache to be warm".
func That(what string, holds func() bool) Condition {
	met := func(context.Context, *look) (bool, string, error) { return holds(), "", nil }
	return Condition{what: what, met: met}
}

// Hit is met when a fault has hit at least n times.
func Hit(fault *Injected, n int) Condition {
	met := func(context.Context, *look) (bool, string, error) {
		hits := fault.Hits()
		return hits >= n, fmt.Sprintf("it has hit %s", count(hits, "time")), nil
	}
	return Condition{what: fmt.Sprintf("a fault to hit %s", count(n, "time")), met: met}
}

// All is met when all conditions are, at one look.
func All(conditions ...Condition) Condition {
	var all Condition
	var what []string
	for _, c := range conditions {
		what = append(what, c.what)
		all.topics = append(all.topics, c.topics...)
		all.groups = all.groups || c.groups
	}
	all.what = strings.Join(what, ", and ")
	all.met = func(ctx context.Context, l *look) (bool, string, error) {
		for _, c := range conditions {
			if ok, instead, err := c.met(ctx, l); !ok || err != nil {
				return false, c.what + ": " + instead, err
			}
		}
		return true, "", nil
	}
	return all
}
