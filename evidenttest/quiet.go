package evidenttest

import (
	"context"
	"fmt"
	"strings"
	"testing/synctest"
)

// Quiet is met when nothing more can come of what was produced: all consumer groups have
// committed all that is there for them, no transaction is open, and nothing was produced
// while that was found out. Within [Run] everybody waits, besides, for time to pass.
//
// The node's own processors have consumed all of their inputs then, even if they had not
// begun before. It counts on consumers that commit a record when they are done with it, and have what
// they produced for it acknowledged by then. Timers that are to fire later are none of
// its business; nor are readers without a group, and share groups.
func Quiet() Condition {
	return Condition{what: "quiet: everything consumed, and nothing new to come of it", groups: true, met: quiet}
}

func quiet(ctx context.Context, l *look) (bool, string, error) {
	if l.node.bubble {
		synctest.Wait()
	}
	before, err := l.all(ctx)
	if err != nil {
		return false, "", err
	}
	groups, err := l.groups(ctx, before)
	if err != nil {
		return false, "", err
	}
	after, err := l.all(ctx)
	if err != nil {
		return false, "", err
	}
	// Nothing was produced in between, and positions do not go back: so there was one
	// moment in which all of this was so.
	if !sameEnds(before, after) {
		return false, "records are being produced", nil
	}
	for _, t := range after {
		for i, p := range t.partitions {
			if p.stable < p.end {
				return false, fmt.Sprintf("a transaction is open in %s/%d, from offset %d on", t.name, i, p.stable), nil
			}
		}
	}
	for _, g := range groups {
		if g.left() > 0 {
			return false, fmt.Sprintf("group %s has %s left", g.name, count(g.left(), "record")), nil
		}
	}
	return true, "", nil
}

func sameEnds(before, after []*topic) bool {
	if len(before) != len(after) {
		return false
	}
	for i, b := range before {
		a := after[i]
		if a.id != b.id || len(a.partitions) != len(b.partitions) {
			return false
		}
		for j := range a.partitions {
			if a.partitions[j].end != b.partitions[j].end {
				return false
			}
		}
	}
	return true
}

// Never waits until the node is [Quiet] and fails the test if the condition is met then
// or earlier.
func (n *Node) Never(c Condition) {
	n.t.Helper()
	happened := false
	never := Condition{what: "quiet without " + c.what, topics: c.topics, groups: true}
	never.met = func(ctx context.Context, l *look) (bool, string, error) {
		isQuiet, instead, err := quiet(ctx, l)
		if err != nil {
			return false, "", err
		}
		happened, _, err = c.met(ctx, l)
		return happened || isQuiet, instead, err
	}
	n.await(patience(n.bubble), never)
	if happened {
		n.t.Fatalf("there is what must never be: %s\n%s", c.what, strings.TrimRight(n.report(c), "\n"))
	}
}
