package classic

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"
)

// TestRandomClients lets clients do anything at any time, in and out of turn,
// and checks after each step that
//   - every request is answered once, and by the end all are,
//   - a generation has one leader and one protocol, and generations only grow,
//   - the group is never larger than it may be,
//   - some deadline is always set that gets the group out of its state,
//
// and that the group is empty soon after all clients have fallen silent.
func TestRandomClients(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		t.Repeat(map[string]func(*rapid.T){
			"join":      w.join,
			"sync":      w.sync,
			"heartbeat": w.heartbeat,
			"leave":     w.leave,
			"advance":   w.advance,
			"stored":    w.persisted,
			"restart":   w.restart,
			"":          w.check,
		})
		w.silence(t)
	})
}

// world is a group, its clients and what they have been told.
type world struct {
	cfg     *Config
	g       *Group
	now     time.Time
	clients []*worldClient
	waiting map[Ticket]*worldClient
	last    Ticket
	fresh   int
	writes  []*Write
	stored  *kmsg.GroupMetadataValue

	generation int32            // the last seen
	protocols  map[int32]string // by generation
	leaders    map[int32]string // by generation, of version 9 clients
	restored   bool             // the group may be larger than allowed
}

type worldClient struct {
	name       string
	instance   *string
	version    int16
	id         string
	generation int32
	leads      bool
}

func newWorld(t *rapid.T) *world {
	w := &world{
		cfg: &Config{
			InitialDelay:     time.Duration(rapid.IntRange(0, 3).Draw(t, "delay")) * time.Second,
			MaxSize:          rapid.IntRange(2, 5).Draw(t, "max"),
			NewMemberTimeout: 5 * time.Minute,
		},
		now: time.UnixMilli(1_000_000), waiting: map[Ticket]*worldClient{},
		protocols: map[int32]string{}, leaders: map[int32]string{},
	}
	for i := range 5 {
		c := &worldClient{name: string(rune('a' + i)), version: 9}
		if i%2 == 1 {
			c.instance = kmsg.StringPtr("i" + c.name)
		}
		if i == 4 {
			c.version = 3
		}
		w.clients = append(w.clients, c)
	}
	w.g = New(w.cfg, w.now)
	return w
}

func (w *world) client(t *rapid.T) *worldClient {
	return w.clients[rapid.IntRange(0, len(w.clients)-1).Draw(t, "client")]
}

func (w *world) ticket(c *worldClient) Ticket {
	w.last++
	w.waiting[w.last] = c
	return w.last
}

func (w *world) join(t *rapid.T) {
	c := w.client(t)
	req := kmsg.NewPtrJoinGroupRequest()
	req.Version, req.MemberID, req.InstanceID, req.ProtocolType = c.version, c.id, c.instance, "consumer"
	if rapid.IntRange(0, 5).Draw(t, "forget") == 0 {
		req.MemberID = ""
	}
	req.SessionTimeoutMillis = int32(rapid.IntRange(6, 40).Draw(t, "session")) * 1000
	req.RebalanceTimeoutMillis = int32(rapid.IntRange(0, 60).Draw(t, "rebalance")) * 1000
	metadata := rapid.SampledFrom([]string{"x", "y"}).Draw(t, "metadata")
	req.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range", Metadata: []byte(metadata)}}
	if rapid.Bool().Draw(t, "sticky") {
		req.Protocols = append([]kmsg.JoinGroupRequestProtocol{{Name: "sticky"}}, req.Protocols...)
	}
	w.fresh++
	w.perform(t, w.g.Join(w.now, JoinRequest{
		Ticket: w.ticket(c), Client: Client{ID: c.name}, Request: req, FreshID: strconv.Itoa(w.fresh),
	}))
}

func (w *world) sync(t *rapid.T) {
	c := w.client(t)
	req := kmsg.NewPtrSyncGroupRequest()
	req.MemberID, req.InstanceID, req.Generation = c.id, c.instance, c.generation
	if c.leads {
		for _, o := range w.clients {
			req.GroupAssignment = append(req.GroupAssignment, kmsg.SyncGroupRequestGroupAssignment{
				MemberID: o.id, MemberAssignment: []byte(o.id),
			})
		}
	}
	w.perform(t, w.g.Sync(w.now, SyncRequest{w.ticket(c), req}))
}

func (w *world) heartbeat(t *rapid.T) {
	c := w.client(t)
	req := kmsg.NewPtrHeartbeatRequest()
	req.MemberID, req.InstanceID, req.Generation = c.id, c.instance, c.generation
	w.g.Heartbeat(w.now, req)
}

func (w *world) leave(t *rapid.T) {
	c := w.client(t)
	l := kmsg.LeaveGroupRequestMember{MemberID: c.id, InstanceID: c.instance}
	if rapid.Bool().Draw(t, "by instance") {
		l.MemberID = ""
	}
	_, fx := w.g.Leave(w.now, []kmsg.LeaveGroupRequestMember{l})
	w.perform(t, fx)
}

func (w *world) advance(t *rapid.T) {
	end := w.now.Add(time.Duration(rapid.IntRange(1, 30_000).Draw(t, "ms")) * time.Millisecond)
	for wake := w.g.Wake(); !wake.IsZero() && !wake.After(end); wake = w.g.Wake() {
		w.now = wake
		w.perform(t, w.g.Expire(wake))
		w.check(t)
		if again := w.g.Wake(); !again.IsZero() && !again.After(wake) {
			t.Fatalf("Expire(%v) leaves Wake at %v", wake, again)
		}
	}
	w.now = end
}

func (w *world) persisted(t *rapid.T) {
	if len(w.writes) == 0 {
		t.Skip("nothing to store")
	}
	var err *kerr.Error
	if rapid.IntRange(0, 4).Draw(t, "fails") == 0 {
		err = kerr.CoordinatorNotAvailable
	}
	w.finish(t, err)
}

func (w *world) finish(t *rapid.T, err *kerr.Error) {
	write := w.writes[0]
	w.writes = w.writes[1:]
	if err == nil {
		w.stored = write.Value
	}
	w.perform(t, w.g.Persisted(w.now, write, err))
}

// restart loses everything that is not stored, and the connections.
func (w *world) restart(t *rapid.T) {
	w.perform(t, w.g.Close(w.now, kerr.CoordinatorNotAvailable))
	if len(w.waiting) > 0 {
		t.Fatalf("%d requests are not answered by Close", len(w.waiting))
	}
	w.writes = nil
	w.g = New(w.cfg, w.now)
	if w.stored != nil {
		w.g = Restore(w.cfg, w.now, w.stored)
	}
	w.generation, w.restored = w.g.Generation(), true
	clear(w.protocols) // a generation that was not stored may come again
	clear(w.leaders)
}

func (w *world) perform(t *rapid.T, fx Effects) {
	for _, j := range fx.Joins {
		w.joined(t, w.claim(t, j.Ticket), j.Response)
	}
	for _, s := range fx.Syncs {
		w.claim(t, s.Ticket)
	}
	w.writes = append(w.writes, fx.Writes...)
}

func (w *world) claim(t *rapid.T, ticket Ticket) *worldClient {
	c := w.waiting[ticket]
	if c == nil {
		t.Fatalf("ticket %d is answered twice", ticket)
	}
	delete(w.waiting, ticket)
	return c
}

func (w *world) joined(t *rapid.T, c *worldClient, r *kmsg.JoinGroupResponse) {
	switch r.ErrorCode {
	case 0:
	case kerr.MemberIDRequired.Code:
		c.id = r.MemberID
		return
	case kerr.UnknownMemberID.Code, kerr.FencedInstanceID.Code:
		c.id = ""
		return
	default:
		return
	}
	c.id, c.generation, c.leads = r.MemberID, r.Generation, r.LeaderID == r.MemberID
	if (len(r.Members) > 0) != c.leads {
		t.Fatalf("%s leads: %v, and learns of %d members", c.id, c.leads, len(r.Members))
	}
	if p, ok := w.protocols[r.Generation]; ok && p != *r.Protocol {
		t.Fatalf("generation %d has protocols %s and %s", r.Generation, p, *r.Protocol)
	}
	w.protocols[r.Generation] = *r.Protocol
	if l, ok := w.leaders[r.Generation]; ok && l != r.LeaderID && w.g.members[l] != nil {
		t.Fatalf("generation %d has leaders %s and %s", r.Generation, l, r.LeaderID)
	}
	w.leaders[r.Generation] = r.LeaderID
}

// check checks the invariants of the group's own state.
func (w *world) check(t *rapid.T) {
	g := w.g
	if g.Generation() < w.generation {
		t.Fatalf("generation went from %d to %d", w.generation, g.Generation())
	}
	w.generation = g.Generation()
	w.checkMembers(t)
	w.checkDeadlines(t)
	members := len(g.members)
	switch g.State() {
	case Empty:
		if members != 0 || g.leader != "" {
			t.Fatalf("Empty with %d members, leader %q", members, g.leader)
		}
	case CompletingRebalance, Stable:
		if g.members[g.leader] == nil {
			t.Fatalf("%v with %d members, leader %q is not one", g.State(), members, g.leader)
		}
		if members > w.cfg.MaxSize && !w.restored {
			t.Fatalf("%d members, %d are allowed", members, w.cfg.MaxSize)
		}
	}
}

func (w *world) checkMembers(t *rapid.T) {
	g, parked, static := w.g, 0, 0
	for _, m := range g.order {
		if g.members[m.id] != m {
			t.Fatalf("%s is in order and not in members", m.id)
		}
		if m.static() {
			static++
			if g.static[*m.instanceID] != m {
				t.Fatalf("%s is not found by instance id", m.id)
			}
		}
		for _, ticket := range []Ticket{m.join, m.sync} {
			if _, waits := w.waiting[ticket]; ticket != 0 && !waits {
				t.Fatalf("%s holds ticket %d, which is answered", m.id, ticket)
			} else if waits {
				parked++
			}
		}
	}
	if len(g.order) != len(g.members) || static != len(g.static) || parked != len(w.waiting) {
		t.Fatalf("%d in order, %d members; %d static, %d instance ids; %d parked, %d waiting",
			len(g.order), len(g.members), static, len(g.static), parked, len(w.waiting))
	}
}

func (w *world) checkDeadlines(t *rapid.T) {
	g := w.g
	deadlines := []time.Time{g.joinDeadline, g.syncDeadline}
	for _, d := range g.pending {
		deadlines = append(deadlines, d)
	}
	for _, m := range g.order {
		deadlines = append(deadlines, m.deadline)
		if m.deadline.IsZero() && !m.waits() {
			t.Fatalf("%s is silent and has no deadline", m.id)
		}
	}
	for _, d := range deadlines {
		if !d.IsZero() && (g.Wake().IsZero() || g.Wake().After(d)) {
			t.Fatalf("Wake is %v, a deadline is %v", g.Wake(), d)
		}
	}
	switch {
	case g.State() == PreparingRebalance && g.joinDeadline.IsZero():
		t.Fatal("PreparingRebalance without a deadline")
	case g.State() == CompletingRebalance && g.syncDeadline.IsZero() && !g.storing:
		t.Fatal("CompletingRebalance without a deadline")
	}
}

// silence stores what is to be stored and lets all deadlines pass.
func (w *world) silence(t *rapid.T) {
	for range 1000 {
		for len(w.writes) > 0 {
			w.finish(t, nil)
		}
		wake := w.g.Wake()
		if wake.IsZero() {
			break
		}
		w.now = wake
		w.perform(t, w.g.Expire(wake))
		w.check(t)
	}
	if w.g.State() != Empty || len(w.waiting) > 0 || len(w.g.pending) > 0 {
		t.Fatalf("%v, %d requests wait, %d ids pend: stuck", w.g.State(), len(w.waiting), len(w.g.pending))
	}
	if i := slices.IndexFunc(w.clients, func(c *worldClient) bool { return w.g.members[c.id] != nil }); i >= 0 {
		t.Fatalf("%s is still a member", w.clients[i].id)
	}
}
