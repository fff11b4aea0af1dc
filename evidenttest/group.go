package evidenttest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/evidentlog/evident/internal/process"
)

// group is what a consumer group has done.
type group struct {
	name      string
	state     string
	members   int
	positions []position // by topic and partition
}

// position is how far a group has come in a partition.
type position struct {
	topic     string
	partition int32
	committed int64 // -1: nothing
	records   int   // that there are
	left      int   // that it has not committed
}

// left is how many records the group has still to consume.
func (g *group) left() int {
	n := 0
	for _, p := range g.positions {
		n += p.left
	}
	return n
}

// groups reads the consumer groups with a prefix, sorted by name. What they have to
// consume is what they have joined for or have committed positions of; in which nothing
// is committed, all records. topics are all there are.
func (l *look) groups(ctx context.Context, topics []*topic, names ...string) ([]*group, error) {
	admin, err := l.admin()
	if err != nil {
		return nil, err
	}
	inputs := l.node.inputs()
	if len(names) == 0 {
		if names, err = groupNames(ctx, admin, inputs); err != nil {
			return nil, err
		}
	}
	var all []*group
	for _, name := range names {
		g, err := readGroup(ctx, admin, name, inputs[name], topics)
		if err != nil {
			return nil, fmt.Errorf("reading group %s: %w", name, err)
		}
		all = append(all, g)
	}
	return all, nil
}

// groupNames are those of all consumer groups, and of those that processors will join.
func groupNames(ctx context.Context, admin *kadm.Client, inputs map[string][]string) ([]string, error) {
	listed, err := admin.ListGroups(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing the groups: %w", err)
	}
	names := slices.Collect(maps.Keys(inputs))
	for _, g := range listed {
		if g.ProtocolType == "consumer" && inputs[g.Group] == nil {
			names = append(names, g.Group)
		}
	}
	slices.Sort(names)
	return names, nil
}

// inputs are those of the node's processors, by their groups.
func (n *Node) inputs() map[string][]string {
	all := make(map[string][]string)
	for _, p := range n.cfg.Processors {
		all[process.GroupName(p)] = p.Inputs
	}
	return all
}

// readGroup reads a group that has joined for some topics at least.
func readGroup(ctx context.Context, admin *kadm.Client, name string, joined []string, topics []*topic) (*group, error) {
	g := &group{name: name}
	more, err := g.describe(ctx, admin)
	if err != nil {
		return nil, err
	}
	joined = append(slices.Clone(joined), more...)
	committed, err := admin.FetchOffsets(ctx, name)
	if err != nil {
		return nil, err
	}
	for _, t := range topics {
		for i := range t.partitions {
			p, n := &t.partitions[i], int32(i)
			o, ok := committed.Lookup(t.name, n)
			switch {
			case ok && o.At >= 0:
				g.positions = append(g.positions, position{t.name, n, o.At, len(p.records), p.after(o.At)})
			case slices.Contains(joined, t.name):
				g.positions = append(g.positions, position{t.name, n, -1, len(p.records), len(p.records)})
			}
		}
	}
	return g, nil
}

// describe reads who is in the group, whichever protocol it follows, and returns the
// topics that they joined for.
func (g *group) describe(ctx context.Context, admin *kadm.Client) ([]string, error) {
	classic, err := admin.DescribeGroups(ctx, g.name)
	if err != nil {
		return nil, err
	}
	if d := classic[g.name]; d.Err == nil && d.State != "Dead" {
		g.state, g.members = d.State, len(d.Members)
		return d.JoinTopics(), nil
	}
	described, err := admin.DescribeConsumerGroups(ctx, g.name)
	if err != nil {
		return nil, err
	}
	if d := described[g.name]; d.Err == nil {
		g.state, g.members = d.State, len(d.Members)
		return d.SubscribedTopics(), nil
	}
	g.state = "unknown"
	return nil, nil
}

// String is the group in a line, and a line for each partition with records left.
func (g *group) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s, %s", g.name, strings.ToLower(g.state), count(g.members, "member"))
	switch {
	case len(g.positions) == 0:
		b.WriteString(", has nothing to consume")
	case g.left() == 0:
		b.WriteString(", has consumed all")
	default:
		fmt.Fprintf(&b, ", has %s to consume", count(g.left(), "record"))
	}
	for _, p := range g.positions {
		if p.left == 0 {
			continue
		}
		at := "nothing"
		if p.committed >= 0 {
			at = fmt.Sprintf("offset %d", p.committed)
		}
		fmt.Fprintf(&b, "\n  %s/%d: %s committed, %d of %s left", p.topic, p.partition, at, p.left, count(p.records, "record"))
	}
	return b.String()
}

// count is a number of things in words.
func count(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}
