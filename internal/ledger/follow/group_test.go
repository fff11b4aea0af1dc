package follow

import (
	"log/slog"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// await waits until each partition has one owner among the members, and each of
// them some.
func await(t *testing.T, groups [2]*Group, members []*Group, partitions int32) {
	t.Helper()
	for !sharedOut(members, partitions) {
		select {
		case <-groups[0].Changed():
		case <-groups[1].Changed():
		case <-t.Context().Done():
			t.Fatal("the partitions are not shared out")
		}
	}
}

func sharedOut(groups []*Group, partitions int32) bool {
	for _, g := range groups {
		if len(g.mine("orders", partitions)) == 0 {
			return false
		}
	}
	for p := range partitions {
		owners := 0
		for _, g := range groups {
			if g.Has("orders", p) {
				owners++
			}
		}
		if owners != 1 {
			return false
		}
	}
	return true
}

func (g *Group) mine(topic string, partitions int32) (list []int32) {
	for p := range partitions {
		if g.Has(topic, p) {
			list = append(list, p)
		}
	}
	return list
}

func TestNodesShareOutPartitions(t *testing.T) {
	const partitions = 6
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(partitions, "orders"), kfake.SeedTopics(1, "__internal"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var groups [2]*Group
	for i := range groups {
		g, err := JoinGroup("example.com/events", slog.New(slog.DiscardHandler), kgo.SeedBrokers(c.ListenAddrs()...))
		if err != nil {
			t.Fatal(err)
		}
		groups[i] = g
	}
	await(t, groups, groups[:], partitions)
	if groups[0].Has("__internal", 0) || groups[1].Has("__internal", 0) {
		t.Error("an internal topic is shared out")
	}
	groups[0].Close()
	await(t, groups, groups[1:], partitions)
	groups[1].Close()
}
