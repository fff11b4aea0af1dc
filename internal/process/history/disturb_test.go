package history

import (
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/evidenttest"
	"github.com/evidentlog/evident/internal/vfs"
)

// A fault is a thing that goes wrong, to a host or to the node.
type fault struct {
	name string
	do   func(*arena, *host)
}

// allFaults are dealt like cards, so that each schedule has each of them.
var allFaults = []fault{
	{"runtimes killed", func(_ *arena, h *host) { h.kill() }},
	{"runtimes killed, and their disk lost", func(_ *arena, h *host) { h.kill(); h.fs = vfs.NewMem() }},
	{"runtimes stopped", func(_ *arena, h *host) { h.stop() }},
	{"runtimes held", (*arena).hold},
	{"runtimes held and put out", (*arena).holdOut},
	{"runtimes whose connections broke", (*arena).breakLine},
	{"requests hit", (*arena).hitRequests},
	{"members put out", func(a *arena, _ *host) { a.evict() }},
	{"restarts of the node", func(a *arena, _ *host) { a.node.Restart() }},
	{"power cuts", (*arena).cutPower},
}

// disturb makes the next thing go wrong. A host that is down is started instead: then it
// returns false.
func (a *arena) disturb() bool {
	h := a.hosts[a.rng.IntN(len(a.hosts))]
	if h.line == nil {
		a.Logf("%v: %s is started", a.since(), h.name)
		h.start()
		return false
	}
	if len(a.deck) == 0 {
		a.deck = slices.Clone(allFaults)
		a.rng.Shuffle(len(a.deck), func(i, j int) { a.deck[i], a.deck[j] = a.deck[j], a.deck[i] })
	}
	f := a.deck[0]
	a.deck = a.deck[1:]
	a.Logf("%v: %s: %s", a.since(), f.name, h.name)
	f.do(a, h)
	a.tally[f.name]++
	return true
}

// hold holds a runtime up for a moment, or until the group goes on without it, and lets it
// go: what it had sent arrives then.
func (a *arena) hold(h *host) {
	letGo := h.line.hold()
	time.Sleep(time.Duration(a.rng.IntN(15000)) * time.Millisecond)
	a.letGo(h, letGo)
}

// holdOut has the group go on without it at once.
func (a *arena) holdOut(h *host) {
	letGo := h.line.hold()
	a.putOut(h.members()...)
	time.Sleep(time.Duration(a.rng.IntN(5000)) * time.Millisecond)
	a.letGo(h, letGo)
}

// letGo lets a runtime go that was held, and counts whether it was a member still.
func (a *arena) letGo(h *host, letGo func()) {
	if len(h.members()) == 0 {
		a.tally[outlived]++
	}
	a.Logf("%v: %s is let go", a.since(), h.name)
	letGo()
}

// breakLine breaks each connection of a runtime in the middle of what it sends.
func (a *arena) breakLine(h *host) { h.line.cutAfter(a.rng.IntN(3000)) }

// hitRequests loses some of the requests that steps are made of, or their answers, or has
// them arrive twice.
func (a *arena) hitRequests(*host) {
	keys := []kmsg.Key{kmsg.InitProducerID, kmsg.Produce, kmsg.TxnOffsetCommit, kmsg.EndTxn}
	effects := []evidenttest.Effect{evidenttest.LoseRequest, evidenttest.LoseAnswer, evidenttest.Twice}
	a.injected = append(a.injected, a.node.Inject(evidenttest.RequestFault{
		Requests: []kmsg.Key{keys[a.rng.IntN(len(keys))]}, Do: effects[a.rng.IntN(len(effects))],
		When: evidenttest.When{Times: 1 + a.rng.IntN(3)}, Where: transactional,
	}))
}

// transactional tells a processor's requests from those of others.
func transactional(r kmsg.Request) bool {
	switch r := r.(type) {
	case *kmsg.ProduceRequest:
		return r.TransactionID != nil
	case *kmsg.InitProducerIDRequest:
		return r.TransactionalID != nil
	}
	return true
}

// cutPower cuts the node's power; what was not synced is lost, or torn.
func (a *arena) cutPower(*host) {
	loss := []evidenttest.Loss{evidenttest.LoseUnsynced, evidenttest.TearUnsynced}[a.rng.IntN(2)]
	a.node.CutPower(loss)
	a.node.Restart()
}

// evict takes a random member out of the group, which is not asked.
func (a *arena) evict() {
	if all := a.members(""); len(all) > 0 {
		a.putOut(all[a.rng.IntN(len(all))])
	}
}

// putOut takes members out of the group.
func (a *arena) putOut(members ...string) {
	if len(members) == 0 {
		return
	}
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Group = a.topics.Group
	for _, id := range members {
		m := kmsg.NewLeaveGroupRequestMember()
		m.MemberID = id
		req.Members = append(req.Members, m)
	}
	if _, err := a.node.Client().Request(a.Context(), req); err != nil {
		a.Fatal(err)
	}
}

// members are those of the group, or of one client.
func (a *arena) members(client string) (ids []string) {
	groups, err := a.admin.DescribeGroups(a.Context(), a.topics.Group)
	if err != nil {
		a.Fatal(err)
	}
	for _, m := range groups[a.topics.Group].Members {
		if client == "" || m.ClientID == client {
			ids = append(ids, m.MemberID)
		}
	}
	return ids
}

// members is what the runtime is in the group, under the name that it gives its client.
func (h *host) members() []string { return h.arena.members("evident-" + h.name) }
