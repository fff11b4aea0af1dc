package broker

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// groupTest is a group of franz-go consumers and what they have consumed.
type groupTest struct {
	*server
	mu   sync.Mutex
	seen map[string]int
}

func newGroupTest(s *server) *groupTest { return &groupTest{server: s, seen: map[string]int{}} }

// member is one consumer of the group "g" on the topic "t".
type member struct {
	*kgo.Client
	assigned, revoked atomic.Int32 // calls with partitions
	stop              func()
}

func (g *groupTest) join(opts ...kgo.Opt) *member {
	m := &member{}
	m.Client = g.client(append([]kgo.Opt{
		kgo.ConsumerGroup("g"), kgo.ConsumeTopics("t"), kgo.HeartbeatInterval(20 * time.Millisecond),
		kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(),
		kgo.FetchMaxWait(50 * time.Millisecond), // partitions added to a group member wait for the fetch under way
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, ps map[string][]int32) { m.assigned.Add(int32(len(ps["t"]))) }),
		kgo.OnPartitionsRevoked(func(_ context.Context, _ *kgo.Client, ps map[string][]int32) { m.revoked.Add(int32(len(ps["t"]))) }),
	}, opts...)...)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		g.consume(ctx, m)
	}()
	m.stop = sync.OnceFunc(func() {
		cancel()
		<-done
		m.Close()
	})
	g.t.Cleanup(m.stop)
	return m
}

// consume polls until ctx ends, and commits what it has polled.
func (g *groupTest) consume(ctx context.Context, m *member) {
	for {
		fetches := m.PollFetches(ctx)
		if ctx.Err() != nil {
			m.AllowRebalance()
			return
		}
		g.mu.Lock()
		fetches.EachRecord(func(r *kgo.Record) { g.seen[string(r.Value)]++ })
		g.mu.Unlock()
		if err := m.CommitUncommittedOffsets(g.t.Context()); err != nil {
			g.t.Logf("commit: %v", err) // a later one makes up for it
		}
		m.AllowRebalance()
	}
}

// fill produces n records, numbered from the given one, over all partitions.
func (g *groupTest) fill(from, n int) {
	g.t.Helper()
	c := g.client(kgo.RecordPartitioner(kgo.RoundRobinPartitioner()))
	defer c.Close()
	var values []string
	for i := range n {
		values = append(values, fmt.Sprint("r", from+i))
	}
	g.produce(c, "t", values...)
}

// await polls until what holds.
func (s *server) await(what string, holds func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("not in time: %s", what)
		}
	}
}

func (g *groupTest) awaitRecords(n int) {
	g.t.Helper()
	g.await(fmt.Sprintf("%d records", n), func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		return len(g.seen) >= n
	})
}

// awaitStable waits until the group is stable with so many members.
func (g *groupTest) awaitStable(members int) kadm.DescribedGroup {
	g.t.Helper()
	admin := g.admin()
	defer admin.Close()
	var d kadm.DescribedGroup
	g.await(fmt.Sprintf("stable with %d members", members), func() bool {
		ds, err := admin.DescribeGroups(g.t.Context(), "g")
		d = ds["g"]
		return err == nil && d.State == "Stable" && len(d.Members) == members
	})
	return d
}

func (g *groupTest) wantOnce() {
	g.t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	for value, n := range g.seen {
		if n != 1 {
			g.t.Errorf("%s was consumed %d times", value, n)
		}
	}
}

// Consumers come and go while records arrive; with commits before each
// rebalance, every record is consumed once, whatever the way of assigning.
func TestGroupConsumesEachRecordOnce(t *testing.T) {
	for name, balancer := range map[string]kgo.GroupBalancer{
		"range": kgo.RangeBalancer(), "round robin": kgo.RoundRobinBalancer(),
		"sticky": kgo.StickyBalancer(), "cooperative sticky": kgo.CooperativeStickyBalancer(),
	} {
		t.Run(name, func(t *testing.T) {
			g := newGroupTest(start(t))
			g.create(6, nil, "t")
			balancers := kgo.Balancers(balancer)
			first := g.join(balancers)
			g.fill(0, 300)
			g.awaitRecords(300)
			second, third := g.join(balancers), g.join(balancers)
			g.fill(300, 300)
			g.awaitStable(3)
			g.awaitRecords(600)
			first.stop()
			g.fill(600, 300)
			g.awaitRecords(900)
			g.awaitStable(2)
			second.stop()
			third.stop()
			g.join(balancers)
			g.fill(900, 100)
			g.awaitRecords(1000)
			g.wantOnce()
		})
	}
}

// KIP-345: a static member that comes back in time takes up its partitions and
// nobody else notices.
func TestStaticMemberComesBackWithoutRebalance(t *testing.T) {
	g := newGroupTest(start(t))
	g.create(4, nil, "t")
	stays := g.join(kgo.InstanceID("stays"))
	restarts := g.join(kgo.InstanceID("restarts"))
	before := g.awaitStable(2)
	g.fill(0, 100)
	g.awaitRecords(100)
	assigned, revoked := stays.assigned.Load(), stays.revoked.Load()
	restarts.stop() // static members do not leave
	again := g.join(kgo.InstanceID("restarts"))
	g.await("the old partitions", func() bool { return again.assigned.Load() == 2 })
	g.fill(100, 100)
	g.awaitRecords(200)
	g.wantOnce()
	after := g.awaitStable(2)
	if stays.assigned.Load() != assigned || stays.revoked.Load() != revoked {
		t.Error("the other member was disturbed")
	}
	for i := range before.Members {
		if *before.Members[i].InstanceID == "stays" && before.Members[i].MemberID != after.Members[i].MemberID {
			t.Errorf("members were %v, are %v", before.Members, after.Members)
		}
	}
}

// A restarted broker knows the members and their generation: they go on
// without a rebalance.
func TestConsumersOutliveTheBroker(t *testing.T) {
	g := newGroupTest(start(t))
	g.create(4, nil, "t")
	here, move := follow(g.server)
	m := g.join(here, kgo.RequestRetries(math.MaxInt32), kgo.RetryBackoffFn(func(int) time.Duration { return 10 * time.Millisecond }))
	g.fill(0, 100)
	g.awaitRecords(100)
	before := g.awaitStable(1)
	assigned := m.assigned.Load()

	g.server.stop()
	again := newGroupTest(startOn(t, g.fs))
	move(again.server)
	again.fill(100, 100)
	g.awaitRecords(200)
	g.wantOnce()
	after := again.awaitStable(1)
	if before.Members[0].MemberID != after.Members[0].MemberID || m.assigned.Load() != assigned || m.revoked.Load() != 0 {
		t.Errorf("member was %v, is %v; assigned %d, then %d, revoked %d", before.Members[0].MemberID,
			after.Members[0].MemberID, assigned, m.assigned.Load(), m.revoked.Load())
	}
}

func TestGroupAdministration(t *testing.T) {
	g := newGroupTest(start(t))
	g.create(2, nil, "t", "other")
	g.fill(0, 10)
	admin, ctx := g.admin(), t.Context()
	offsets := make(kadm.Offsets)
	offsets.AddOffset("other", 0, 0, -1)
	offsets.AddOffset("t", 0, 3, -1)
	if err := admin.CommitAllOffsets(ctx, "g", offsets); err != nil {
		t.Fatal(err)
	}
	m := g.join()
	g.awaitRecords(7) // three of partition 0 are taken as read
	g.awaitStable(1)
	g.await("no lag", func() bool {
		lag, err := admin.Lag(ctx, "g")
		return err == nil && lag["g"].Lag.TotalByTopic()["t"].Lag == 0
	})

	deleted, err := admin.DeleteOffsets(ctx, "g", kadm.TopicsSet{"t": {0: {}}, "other": {0: {}}})
	if err != nil || deleted["t"][0] != kerr.GroupSubscribedToTopic || deleted["other"][0] != nil {
		t.Errorf("delete offsets: %v, %v", deleted, err)
	}
	if r, err := admin.DeleteGroup(ctx, "g"); err != kerr.NonEmptyGroup {
		t.Errorf("delete a group with a member: %v, %v", r, err)
	}
	m.stop()
	if r, err := admin.DeleteGroup(ctx, "g"); err != nil {
		t.Errorf("delete: %v, %v", r, err)
	}
	listed, err := admin.ListGroups(ctx)
	if err != nil || slices.Contains(listed.Groups(), "g") {
		t.Errorf("list: %v, %v", listed.Groups(), err)
	}
	if left, err := admin.FetchOffsets(ctx, "g"); err != nil || len(left.Offsets()) != 0 {
		t.Errorf("offsets: %v, %v", left.Offsets(), err)
	}
}

// Offsets do not pass from a topic to another of the same name.
func TestNewTopicBeginsWithoutOffsets(t *testing.T) {
	g := newGroupTest(start(t))
	g.create(1, nil, "t")
	g.fill(0, 5)
	m := g.join()
	g.awaitRecords(5)
	m.stop()
	admin, ctx := g.admin(), t.Context()
	if _, err := admin.DeleteTopic(ctx, "t"); err != nil {
		t.Fatal(err)
	}
	g.create(1, nil, "t")
	g.fill(5, 5)
	g.join()
	g.awaitRecords(10)
	g.wantOnce()
}
