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
type EventMatch func(*event.Event) bool

// Type picks events of a type.
func Type(t string) EventMatch { return func(e *event.Event) bool { return e.Type == t } }

// Subject picks events with a subject.
func Subject(s string) EventMatch { return func(e *event.Event) bool { return e.Subject == s } }

// CausedBy picks events whose causationid is an event's id.
func CausedBy(cause *event.Event) EventMatch {
	return func(e *event.Event) bool {
		id, ok := e.Extension("causationid")
		return ok && id.String() == cause.ID
	}
}

// Records is met when there are at least n records in a topic.
func Records(topic string, n int) Condition {
	what := fmt.Sprintf("at least %s in %s", count(n, "record"), topic)
	return ofTopic(topic, what, n, func(*kgo.Record) bool { return true })
}

// Record is met when there is a record in a topic that where picks.
func Record(topic string, where func(*kgo.Record) bool) Condition {
	return ofTopic(topic, "a record of the test's choice in "+topic, 1, where)
}

// Event is met when there is an event in a topic that all matches pick.
func Event(topic string, matches ...EventMatch) Condition {
	return Events(topic, 1, matches...)
}

// Events is met when there are at least n events in a topic that all matches pick.
func Events(topic string, n int, matches ...EventMatch) Condition {
	what := fmt.Sprintf("at least %s in %s", count(n, "event"), topic)
	if len(matches) > 0 {
		what += " that match"
	}
	return ofTopic(topic, what, n, func(r *kgo.Record) bool { return matchesAll(r, matches) })
}

func matchesAll(r *kgo.Record, matches []EventMatch) bool {
	e := eventOf(r)
	for _, m := range matches {
		if !m(&e) {
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
	return Condition{what: "that group " + name + " has consumed everything", groups: true, met: met}
}

// That is met when the test's own function says so. It is asked again whenever something
// has happened on the node.
func That(what string, holds func() bool) Condition {
	met := func(context.Context, *look) (bool, string, error) { return holds(), "", nil }
	return Condition{what: what, met: met}
}

// Hit is met when a fault has hit at least n times.
func Hit(fault *Injected, n int) Condition {
	met := func(context.Context, *look) (bool, string, error) {
		hits := fault.Hits()
		return hits >= n, fmt.Sprintf("it has hit %d times", hits), nil
	}
	return Condition{what: fmt.Sprintf("a fault that has hit %d times", n), met: met}
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
