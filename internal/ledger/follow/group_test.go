package follow

import (
	"log/slog"
	"regexp"
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
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(partitions, "orders"), kfake.SeedTopics(1, "__internal", "__evident_audit"))
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
	for !groups[0].Has("__evident_audit", 0) && !groups[1].Has("__evident_audit", 0) {
		select {
		case <-groups[0].Changed():
		case <-groups[1].Changed():
		case <-t.Context().Done():
			t.Fatal("what was done is nobody's")
		}
	}
	groups[0].Close()
	await(t, groups, groups[1:], partitions)
	groups[1].Close()
}

func TestTheGroupHasTheTopicsThatAreProvable(t *testing.T) {
	match := regexp.MustCompile(groupTopics)
	for _, topic := range []string{
		"orders", "_", "_schemas", "a__b", "__consumer_offsets", "__transaction_state", "__", "___",
		"__evident_resources", "__evident_audit", "__evident_audit2", "__evident_other", "x__evident_audit",
	} {
		if got, want := match.MatchString(topic), Provable(topic); got != want {
			t.Errorf("%q is shared out: %v, and provable: %v", topic, got, want)
		}
	}
}
