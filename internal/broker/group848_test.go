package broker

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// quick lets members of consumer groups send heartbeats often.
func quick(cfg *Config) { cfg.ConsumerHeartbeat = 20 * time.Millisecond }

// awaitMembers waits until the consumer group is stable with so many members.
func (g *groupTest) awaitMembers(members int) kadm.DescribedConsumerGroup {
	g.t.Helper()
	admin := g.admin()
	defer admin.Close()
	var d kadm.DescribedConsumerGroup
	g.await(fmt.Sprintf("stable with %d members", members), func() bool {
		ds, err := admin.DescribeConsumerGroups(g.t.Context(), "g")
		d = ds["g"]
		return err == nil && d.State == "Stable" && len(d.Members) == members
	})
	return d
}

// Consumers of the new protocol come and go while records arrive; with commits
// before each rebalance, every record is consumed once.
func TestConsumerGroupConsumesEachRecordOnce(t *testing.T) {
	for name, balancer := range map[string]kgo.GroupBalancer{"range": kgo.RangeBalancer(), "uniform": kgo.StickyBalancer()} {
		t.Run(name, func(t *testing.T) {
			g := newGroupTest(start(t, quick))
			g.create(6, nil, "t")
			join := func() *member { return g.join(kgo.ServerSideBalancer(), kgo.Balancers(balancer)) }
			first := join()
			g.fill(0, 300)
			g.awaitRecords(300)
			second, third := join(), join()
			g.fill(300, 300)
			if d := g.awaitMembers(3); d.AssignorName != name {
				t.Errorf("assignor %s", d.AssignorName)
			}
			g.awaitRecords(600)
			first.stop()
			g.fill(600, 300)
			g.awaitRecords(900)
			g.awaitMembers(2)
			second.stop()
			third.stop()
			join()
			g.fill(900, 100)
			g.awaitRecords(1000)
			g.wantOnce()
		})
	}
}

// A rolling upgrade of the consumers and back: both protocols in one group,
// which changes its type twice.
func TestGroupMigratesWhileItConsumes(t *testing.T) {
	for name, balancer := range map[string]kgo.GroupBalancer{"range": kgo.RangeBalancer(), "cooperative": kgo.CooperativeStickyBalancer()} {
		t.Run(name, func(t *testing.T) {
			g := newGroupTest(start(t, quick))
			g.create(6, nil, "t")
			old := func() *member { return g.join(kgo.Balancers(balancer)) }
			first, second := old(), old()
			g.awaitStable(2)
			g.fill(0, 300)
			g.awaitRecords(300)
			third := g.join(kgo.ServerSideBalancer(), kgo.Balancers(kgo.StickyBalancer()))
			g.awaitMembers(3)
			g.fill(300, 300)
			g.awaitRecords(600)
			first.stop()
			fourth := g.join(kgo.ServerSideBalancer(), kgo.Balancers(kgo.StickyBalancer()))
			second.stop()
			g.awaitMembers(2)
			g.fill(600, 300)
			g.awaitRecords(900)
			fifth := old()
			g.awaitMembers(3)
			third.stop()
			fourth.stop()
			g.awaitStable(1)
			g.fill(900, 100)
			g.awaitRecords(1000)
			fifth.stop()
			g.wantOnce()
		})
	}
}

// Members of a consumer group find themselves in it when the node is back.
func TestConsumersOfTheNewProtocolOutliveTheBroker(t *testing.T) {
	g := newGroupTest(start(t, quick))
	g.create(4, nil, "t")
	var addr atomic.Pointer[string]
	addr.Store(&g.addr)
	here := kgo.Dialer(func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, *addr.Load())
	})
	m := g.join(here, kgo.ServerSideBalancer(), kgo.Balancers(kgo.StickyBalancer()),
		kgo.RequestRetries(1000), kgo.RetryBackoffFn(func(int) time.Duration { return 10 * time.Millisecond }))
	g.fill(0, 100)
	g.awaitRecords(100)
	before := g.awaitMembers(1)
	assigned := m.assigned.Load()

	g.server.stop()
	again := newGroupTest(startOn(t, g.fs, quick))
	addr.Store(&again.addr)
	again.fill(100, 100)
	g.awaitRecords(200)
	g.wantOnce()
	after := again.awaitMembers(1)
	if before.Epoch != after.Epoch || before.Members[0].MemberID != after.Members[0].MemberID || m.assigned.Load() != assigned || m.revoked.Load() != 0 {
		t.Errorf("before %+v, after %+v; assigned %d, then %d, revoked %d", before, after, assigned, m.assigned.Load(), m.revoked.Load())
	}
}

// Topics that come, and partitions that are added, are read without anybody's help.
func TestConsumerGroupFollowsTopics(t *testing.T) {
	g := newGroupTest(start(t, quick))
	g.create(1, nil, "t")
	m := g.join(kgo.ServerSideBalancer(), kgo.Balancers(kgo.StickyBalancer()))
	g.awaitMembers(1)
	if rs, err := g.admin().CreatePartitions(t.Context(), 3, "t"); err != nil || rs.Error() != nil {
		t.Fatal(err, rs.Error())
	}
	g.await("all partitions", func() bool { return m.assigned.Load() == 4 }) // 1, then 3 of a new assignment
	g.fill(0, 30)
	g.awaitRecords(30)
}

func TestFinalizedFeatures(t *testing.T) {
	s := start(t)
	for version, low := range map[int16]int16{3: 1, 4: 0} {
		req := kmsg.NewPtrApiVersionsRequest()
		req.Version, req.ClientSoftwareName, req.ClientSoftwareVersion = version, "test", "1"
		resp := ask[*kmsg.ApiVersionsResponse](s.dial(), req)
		supported := slices.IndexFunc(resp.SupportedFeatures, func(f kmsg.ApiVersionsResponseSupportedFeature) bool {
			return f.Name == "group.version" && f.MinVersion == low && f.MaxVersion == 1
		})
		finalized := slices.IndexFunc(resp.FinalizedFeatures, func(f kmsg.ApiVersionsResponseFinalizedFeature) bool {
			return f.Name == "group.version" && f.MaxVersionLevel == 1
		})
		if supported < 0 || finalized < 0 || resp.FinalizedFeaturesEpoch != 0 {
			t.Errorf("version %d: %+v", version, resp)
		}
	}
}
