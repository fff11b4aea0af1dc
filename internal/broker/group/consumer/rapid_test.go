package consumer

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"
)

// TestRandomMembers lets members come, go, crash, change what they read, lose
// answers and take their time to give partitions up, lets topics come, grow and
// go, and the node restart, and checks after each step that
//   - no two members read the same partition,
//   - nobody is told to read what it does not subscribe to,
//   - epochs only grow,
//
// and that when things calm down, all have the group's epoch and every
// partition with a subscriber has a reader.
func TestRandomMembers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld()
		t.Repeat(map[string]func(*rapid.T){
			"start":     w.start,
			"heartbeat": w.heartbeat,
			"revoke":    w.revoke,
			"subscribe": w.subscribe,
			"leave":     w.leave,
			"crash":     w.crash,
			"advance":   w.advance,
			"topics":    w.changeTopics,
			"restart":   w.restart,
			"":          w.check,
		})
		w.calm(t)
	})
}

// world is a group, its members' clients, and the topics.
type world struct {
	cfg     *Config
	g       *Group
	now     time.Time
	topics  *fakeTopics
	made    byte // topics so far
	clients []*client
	log     stored
	epoch   int32
	fresh   int
}

// client is a consumer of the new protocol.
type client struct {
	id       string
	instance *string
	alive    bool
	epoch    int32
	names    []string
	regex    string
	assignor string
	reading  []Partition // what it does read
	assigned []Partition // what it was told to
	full     bool        // it says everything in its next heartbeat
}

var names = []string{"orders", "payments", "parcels"}

func newWorld() *world {
	w := &world{cfg: &Config{MaxSize: 6, ClassicMaxSize: 6}, now: time.UnixMilli(1_000_000), topics: &fakeTopics{}}
	w.topics = w.topics.with("orders", 0, 4).with("payments", 0, 2)
	w.g = New(w.cfg, "g")
	for i := range 5 {
		c := &client{names: names[:1]}
		if i >= 3 {
			c.instance = kmsg.StringPtr(fmt.Sprint("i", i))
		}
		w.clients = append(w.clients, c)
	}
	return w
}

func (w *world) env() Env { return env(w.now, w.topics) }

func (w *world) pick(t *rapid.T, alive bool) *client {
	var some []*client
	for _, c := range w.clients {
		if c.alive == alive {
			some = append(some, c)
		}
	}
	if len(some) == 0 {
		t.Skip("nobody")
	}
	return some[rapid.IntRange(0, len(some)-1).Draw(t, "client")]
}

func (w *world) start(t *rapid.T) {
	c := w.pick(t, false)
	w.fresh++
	c.id, c.alive, c.epoch, c.full, c.reading, c.assigned = fmt.Sprintf("m%03d", w.fresh), true, 0, true, nil, nil
	w.reads(t, c)
	w.beat(t, c, false)
}

func (w *world) reads(t *rapid.T, c *client) {
	c.regex, c.names = "", nil
	for _, name := range names {
		if rapid.Bool().Draw(t, name) {
			c.names = append(c.names, name)
		}
	}
	if rapid.IntRange(0, 3).Draw(t, "regex") == 0 {
		c.regex = rapid.SampledFrom([]string{"pa.*", "orders|x+"}).Draw(t, "expr")
	}
	c.assignor = rapid.SampledFrom([]string{"", "uniform", "range"}).Draw(t, "assignor")
}

func (w *world) subscribe(t *rapid.T) {
	c := w.pick(t, true)
	w.reads(t, c)
	c.full = true
}

func (w *world) heartbeat(t *rapid.T) {
	w.beat(t, w.pick(t, true), rapid.IntRange(0, 5).Draw(t, "lose the answer") == 0)
}

// revoke lets a client stop reading what it shall not read any more.
func (w *world) revoke(t *rapid.T) {
	c := w.pick(t, true)
	c.reading = slices.DeleteFunc(c.reading, func(p Partition) bool { return !slices.Contains(c.assigned, p) })
	c.full = true
}

// beat sends a heartbeat. The client begins to read what it is told to once
// it has stopped reading what it shall not.
func (w *world) beat(t *rapid.T, c *client, lose bool) {
	req := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	req.Version, req.Group, req.MemberID, req.MemberEpoch = 1, "g", c.id, c.epoch
	if c.epoch == 0 || c.full {
		req.InstanceID = c.instance
		req.RebalanceTimeoutMillis = 60_000
		req.SubscribedTopicNames = append([]string{}, c.names...)
		req.SubscribedTopicRegex = &c.regex
		if c.assignor != "" {
			req.ServerAssignor = &c.assignor
		}
		req.Topics = topicsOf(c.reading)
	}
	if err := CheckHeartbeat(req); err != nil {
		t.Fatalf("%+v: %v", req, err)
	}
	resp, fx := w.g.Heartbeat(w.env(), Heartbeat{Client: Client{ID: c.id}, Request: req, FreshID: "fresh"})
	w.log.append(fx.Records)
	if fx.Downgrade != nil {
		t.Fatal("a group without classic members becomes one")
	}
	if lose {
		c.full = true
		return
	}
	c.full = false
	w.answered(t, c, resp)
}

func (w *world) answered(t *rapid.T, c *client, resp *kmsg.ConsumerGroupHeartbeatResponse) {
	switch resp.ErrorCode {
	case 0:
		c.epoch = resp.MemberEpoch
	case kerr.UnknownMemberID.Code, kerr.GroupIDNotFound.Code:
		w.fresh++
		c.id, c.epoch, c.reading, c.assigned = fmt.Sprintf("m%03d", w.fresh), 0, nil, nil
		return
	case kerr.FencedMemberEpoch.Code:
		c.epoch, c.reading, c.assigned = 0, nil, nil
		return
	case kerr.UnreleasedInstanceID.Code, kerr.FencedInstanceID.Code, kerr.GroupMaxSizeReached.Code:
		c.alive, c.reading, c.assigned = false, nil, nil
		return
	default:
		t.Fatalf("%s: %v %s", c.id, kerr.ErrorForCode(resp.ErrorCode), *resp.ErrorMessage)
	}
	if resp.Assignment == nil {
		return
	}
	c.assigned = partitionsOf(resp.Assignment)
	stop := slices.ContainsFunc(c.reading, func(p Partition) bool { return !slices.Contains(c.assigned, p) })
	if !stop {
		c.reading, c.full = slices.Clone(c.assigned), true
	}
}

func (w *world) leave(t *rapid.T) {
	c := w.pick(t, true)
	req := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	req.Version, req.Group, req.MemberID, req.MemberEpoch = 1, "g", c.id, -1
	if c.instance != nil && rapid.Bool().Draw(t, "for a while") {
		req.MemberEpoch, req.InstanceID = -2, c.instance
	}
	_, fx := w.g.Heartbeat(w.env(), Heartbeat{Request: req})
	w.log.append(fx.Records)
	c.alive, c.reading, c.assigned = false, nil, nil
}

// crash lets a client fall silent. It does not read any more when its session
// ends, which is what sessions are for.
func (w *world) crash(t *rapid.T) {
	c := w.pick(t, true)
	c.alive, c.reading, c.assigned = false, nil, nil
}

func (w *world) advance(t *rapid.T) {
	end := w.now.Add(time.Duration(rapid.IntRange(1, 40_000).Draw(t, "ms")) * time.Millisecond)
	for wake := w.g.Wake(); !wake.IsZero() && !wake.After(end); wake = w.g.Wake() {
		w.now = wake
		w.expire(t)
		if again := w.g.Wake(); !again.IsZero() && !again.After(wake) {
			t.Fatalf("Expire(%v) leaves Wake at %v", wake, again)
		}
	}
	w.now = end
}

func (w *world) expire(*rapid.T) {
	fx := w.g.Expire(w.env())
	w.log.append(fx.Records)
	for _, c := range w.clients { // a client whose session is over stops reading by itself
		if c.alive && w.g.members[c.id] == nil {
			c.reading = nil
		}
	}
}

func (w *world) changeTopics(t *rapid.T) {
	name := rapid.SampledFrom(names).Draw(t, "topic")
	old, ok := w.topics.topics[name]
	switch {
	case !ok:
		w.made++
		w.topics = w.topics.with(name, w.made, int32(rapid.IntRange(1, 4).Draw(t, "partitions")))
	case rapid.Bool().Draw(t, "delete"):
		w.topics = w.topics.without(name)
	default:
		w.topics = w.topics.with(name, old.id[15], old.partitions+1)
	}
}

// restart goes on from what has been stored.
func (w *world) restart(t *rapid.T) {
	im, err := w.log.image()
	if err != nil {
		t.Fatal(err)
	}
	if w.g.epoch != firstEpoch && !im.Whole() {
		t.Fatalf("epoch %d, and the image is not whole", w.g.epoch)
	}
	before := w.dump()
	w.g = Restore(w.cfg, "g", w.env(), im)
	if after := w.dump(); after != before {
		t.Fatalf("before\n%s\nafter\n%s", before, after)
	}
}

// dump is all of the group that a restart must not change.
func (w *world) dump() string {
	g := w.g
	s := fmt.Sprintf("epoch=%d target=%d hash=%x", g.epoch, g.targetEpoch, g.hash)
	for _, m := range g.order {
		s += fmt.Sprintf("\n%s %q %v %v %q %v %q %d %d %d %v %v %v", m.id, m.instanceID, m.client, m.rebalance, m.assignor, m.reads.names, m.reads.regex,
			m.epoch, m.previous, m.state, m.assigned, m.revoking, m.target)
	}
	for _, expr := range []string{"pa.*", "orders|x+"} {
		if r := g.regexes[expr]; r != nil {
			s += fmt.Sprintf("\n%s %v", expr, r.topics)
		}
	}
	return s
}

func (w *world) check(t *rapid.T) {
	if w.g.epoch < w.epoch {
		t.Fatalf("epoch went from %d to %d", w.epoch, w.g.epoch)
	}
	w.epoch = w.g.epoch
	readers := map[Partition]string{}
	for _, c := range w.clients {
		for _, p := range c.reading {
			if other, ok := readers[p]; ok && c.alive {
				t.Fatalf("%s is read by %s and %s", w.topics.text([]Partition{p}), other, c.id)
			}
			readers[p] = c.id
		}
	}
	w.checkGroup(t)
}

// checkGroup checks that the parts of the group's state agree.
func (w *world) checkGroup(t *rapid.T) {
	g, held, subscribed := w.g, 0, 0
	for _, m := range g.order {
		if g.members[m.id] != m || m.static() && g.static[m.instanceID] != m {
			t.Fatalf("%s is not found by its ids", m.id)
		}
		held += len(m.assigned) + len(m.revoking)
		for p := range m.assigned {
			if g.owners[p] != m {
				t.Fatalf("%s holds %v and does not own it", m.id, p)
			}
		}
		for p := range m.revoking {
			if g.owners[p] != m {
				t.Fatalf("%s has not given up %v and does not own it", m.id, p)
			}
		}
		if m.session.IsZero() || g.Wake().After(m.session) {
			t.Fatalf("%s may be silent for ever", m.id)
		}
		if (m.state == unrevoked && !m.away()) != !m.revoke.IsZero() {
			t.Fatalf("%s: state %d, has to give up partitions by %v", m.id, m.state, m.revoke)
		}
	}
	for _, sub := range g.subscriptions {
		subscribed += sub.members
	}
	if held != len(g.owners) || subscribed != len(g.members) || len(g.order) != len(g.members) {
		t.Fatalf("%d partitions are held, %d are owned; %d subscriptions, %d members, %d in order",
			held, len(g.owners), subscribed, len(g.members), len(g.order))
	}
}

// calm lets everybody behave until nothing changes any more.
func (w *world) calm(t *rapid.T) {
	w.now = w.now.Add(time.Minute)
	for range 40 {
		w.now = w.now.Add(5 * time.Second)
		w.expire(t)
		for _, c := range w.clients {
			if c.alive {
				w.beat(t, c, false)
				w.check(t)
				c.reading, c.full = slices.Clone(c.assigned), true
				w.check(t)
			}
		}
	}
	w.checkCalm(t)
}

func (w *world) checkCalm(t *rapid.T) {
	wanted := map[Partition]bool{}
	for _, c := range w.clients {
		if !c.alive {
			continue
		}
		m := w.g.members[c.id]
		if m == nil {
			t.Fatalf("%s is no member", c.id)
		}
		for _, tp := range m.reads.topics {
			for n := range tp.Partitions {
				wanted[Partition{Topic: tp.ID, Number: n}] = true
			}
		}
	}
	for _, c := range w.clients {
		if !c.alive {
			continue
		}
		if c.epoch != w.g.epoch || !slices.Equal(c.reading, w.g.members[c.id].assigned.sorted()) {
			t.Fatalf("%s: epoch %d of %d, reads %v, has %v", c.id, c.epoch, w.g.epoch, c.reading, w.g.members[c.id].assigned)
		}
		for _, p := range c.reading {
			if _, reads := w.g.members[c.id].reads.ids[p.Topic]; !reads {
				t.Fatalf("%s does not subscribe to %v", c.id, p)
			}
			if !wanted[p] {
				t.Fatalf("%v has two readers, or nobody wants it", p)
			}
			delete(wanted, p)
		}
	}
	if len(wanted) > 0 {
		t.Fatalf("%v have no reader", wanted)
	}
	if want := Stable; len(w.g.members) > 0 && w.g.State() != want {
		t.Fatalf("%v, want %v", w.g.State(), want)
	}
}
