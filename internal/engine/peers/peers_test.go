package peers

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// join makes a member of the group g.
func join(t *testing.T, c *kfake.Cluster, address string) (*View, *kgo.Client) {
	t.Helper()
	v := NewView(address)
	client, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.ConsumerGroup("g"), kgo.ConsumeTopics("t"),
		kgo.Balancers(v.Balancer(kgo.CooperativeStickyBalancer())), kgo.HeartbeatInterval(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return v, client
}

// eventually polls both members until a view is as wanted.
func eventually(t *testing.T, clients []*kgo.Client, want string, is func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for !is() {
		if ctx.Err() != nil {
			t.Fatal("it did not come to " + want)
		}
		for _, c := range clients {
			short, stop := context.WithTimeout(ctx, 10*time.Millisecond)
			c.PollFetches(short)
			stop()
		}
	}
}

func TestMembersKnowWhereTheOthersAreAndWhatTheyHave(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(4, "t"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	a, ca := join(t, cluster, "http://a:1")
	eventually(t, []*kgo.Client{ca}, "one member with all", func() bool {
		return len(a.Members()) == 1 && len(a.Members()[0].Partitions["t"]) == 4
	})
	b, cb := join(t, cluster, "http://b:2")
	shares := func(v *View) map[string]int {
		all := map[string]int{}
		for _, m := range v.Members() {
			all[m.Address] = len(m.Partitions["t"])
		}
		return all
	}
	eventually(t, []*kgo.Client{ca, cb}, "half each", func() bool {
		return fmt.Sprint(shares(a)) == "map[http://a:1:2 http://b:2:2]" && fmt.Sprint(shares(b)) == fmt.Sprint(shares(a))
	})
	var owners []string
	for p := range int32(4) {
		address, ok := a.Owner("t", p)
		if other, _ := b.Owner("t", p); !ok || other != address {
			t.Errorf("partition %d: %q and %q", p, address, other)
		}
		owners = append(owners, address)
	}
	slices.Sort(owners)
	if fmt.Sprint(owners) != "[http://a:1 http://a:1 http://b:2 http://b:2]" {
		t.Errorf("owners %v", owners)
	}
	if _, ok := a.Owner("t", 9); ok {
		t.Error("partition 9 has an owner")
	}
	cb.Close()
	eventually(t, []*kgo.Client{ca}, "one member with all again", func() bool { return fmt.Sprint(shares(a)) == "map[http://a:1:4]" })
}

// A member that comes back under its instance's name, at another address, may be told
// of itself what was true before.
func TestAMemberKnowsItsOwnAddressBest(t *testing.T) {
	v := NewView("http://a:2")
	before := []Member{{ID: "a", Address: "http://a:1", Partitions: map[string][]int32{"t": {0}}}, {ID: "b", Address: "http://b:1", Partitions: map[string][]int32{"t": {1}}}}
	v.members.Store(&before)
	v.own.Store(&map[string][]int32{"t": {0}})
	if at, ok := v.Owner("t", 0); !ok || at != "http://a:2" {
		t.Errorf("its own partition is at %q", at)
	}
	if at, ok := v.Owner("t", 1); !ok || at != "http://b:1" {
		t.Errorf("the other's is at %q", at)
	}
	if v.Known() || !NewView("http://a:2").Known() {
		t.Error("the others are said to know what they do not, or before they were told of anybody")
	}
}
