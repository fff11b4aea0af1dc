// Package group shares a processor's tasks out among the nodes that run it, and lets
// each of them know who has which, who keeps copies of whose state, and where they are
// reached. It is a Kafka consumer group with a balancer of its own (the classic
// protocol, KIP-62, rebalanced cooperatively as KIP-429 has it), so that it works on
// any broker and every tool shows it.
//
// It moves no state and runs no task: it says who is to.
package group

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/engine/peers"
)

// Prefix begins the names of all that belongs to processors on a cluster: groups,
// changelogs and transactional ids.
const Prefix = "evident-process."

// Name is the consumer group of a version of a processor.
func Name(processor string, version int) string {
	return fmt.Sprintf("%s%s.%d", Prefix, processor, version)
}

// Changelog is the topic from which a version's state is made again.
func Changelog(processor string, version int) string { return Name(processor, version) + ".changelog" }

// TransactionalID is that of the worker-th worker, from 0, of a node.
func TransactionalID(processor string, version int, instance string, worker int) string {
	return fmt.Sprintf("%s.%s.%d", Name(processor, version), instance, worker)
}

// Config is what a member says of itself, and what is shared out.
type Config struct {
	// Processor and Version are whose tasks are shared out.
	Processor string
	Version   int
	// Inputs are the topics whose partitions of one number are a task.
	Inputs []string
	// Standbys is how many members beside the owner keep a copy of a task's state.
	Standbys int

	// Instance is the node's name, the same after a restart. No two nodes have one.
	Instance string
	// Address is the base URL under which the node is reached; empty if it is not.
	Address string
	// Workers is how many transactional producers the node has, which others fence
	// when it is gone (see [TransactionalID]).
	Workers int
	// Copies tells how far the node has the state of tasks, its own and those it is a
	// standby of: the offset of the changelog that comes next. It must not wait. Nil:
	// there is no state.
	Copies func() map[int32]int64

	// Prober asks whether other members live; nil: nobody is put out of the group.
	Prober *Prober
	// Logger receives what an operator should know. Nil: nothing is said.
	Logger *slog.Logger
	// Now is the clock. Nil: the wall clock.
	Now func() time.Time
}

// Callbacks are told of this member's tasks, in order, one call at a time. Heartbeats
// go on meanwhile.
type Callbacks struct {
	// Assigned is given tasks that the member has from now on; their positions are
	// looked up when it has returned.
	Assigned func(ctx context.Context, tasks []int32)
	// Revoked is given tasks that go to somebody else once it has returned; what was
	// begun for them can still be committed in it.
	Revoked func(ctx context.Context, tasks []int32)
	// Lost is given tasks that others may have already.
	Lost func(ctx context.Context, tasks []int32)
}

const (
	// session is how long a member may be silent: the least that Apache Kafka allows
	// by default (group.min.session.timeout.ms).
	session = 6 * time.Second
	// rejoin is how long a rebalance waits for its members.
	rejoin = 10 * time.Second
	// heartbeat is how soon a member learns that tasks are shared out anew.
	heartbeat = 300 * time.Millisecond
)

// Group is a member's side of the group. It is safe for concurrent use.
type Group struct {
	cfg  Config
	view *peers.View

	news chan struct{} // holds one if the plan has changed and Run has not looked

	mu struct {
		sync.Mutex
		plan    plan              // as it was shared out last; its maps do not change
		await   map[int32]int64   // this member's copies that the group waits for: how far
		gone    map[string]roster // members of plans before that are no more, by instance
		changed func()
	}
}

// New makes a member, which joins when a client is made with its [Group.Options].
func New(cfg Config) *Group {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Copies == nil {
		cfg.Copies = func() map[int32]int64 { return nil }
	}
	g := &Group{cfg: cfg, view: peers.NewView(cfg.Address), news: make(chan struct{}, 1)}
	g.mu.gone = map[string]roster{}
	return g
}

// Name is that of the consumer group.
func (g *Group) Name() string { return Name(g.cfg.Processor, g.cfg.Version) }

// Options make a client a member of the group: one that consumes the tasks it is
// given. Where it begins, and how it fetches, is for the caller to add.
func (g *Group) Options(told Callbacks) []kgo.Opt {
	return []kgo.Opt{
		kgo.ClientID(g.clientID()), kgo.ConsumerGroup(g.Name()), kgo.ConsumeTopics(g.cfg.Inputs...), kgo.DisableAutoCommit(),
		kgo.SessionTimeout(session), kgo.RebalanceTimeout(rejoin), kgo.HeartbeatInterval(heartbeat),
		kgo.Balancers(g.view.Balancer(&balancer{g})),
		kgo.OnPartitionsAssigned(tell(told.Assigned)), kgo.OnPartitionsRevoked(tell(told.Revoked)), kgo.OnPartitionsLost(tell(told.Lost)),
	}
}

// clientID is by which a node knows what was itself before a restart.
func (g *Group) clientID() string { return "evident-" + g.cfg.Instance }

func tell(f func(context.Context, []int32)) func(context.Context, *kgo.Client, map[string][]int32) {
	return func(ctx context.Context, _ *kgo.Client, partitions map[string][]int32) {
		if tasks := tasksOf(partitions); f != nil && len(tasks) > 0 {
			f(ctx, tasks)
		}
	}
}

// tasksOf are the numbers among partitions, each once and in order.
func tasksOf(partitions map[string][]int32) []int32 {
	var all []int32
	for _, numbers := range partitions {
		all = append(all, numbers...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// OnChange has f called after tasks were shared out anew. It is for one caller, and
// must not wait.
func (g *Group) OnChange(f func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.mu.changed = f
}

// A Member is one of the group.
type Member struct {
	// ID is the group's name for it, Instance the node's own.
	ID, Instance string
	// Address is the base URL under which it is reached; empty if it has not said.
	Address string
	// Tasks are those that it has, Standbys those of whose state it keeps a copy, both
	// in order.
	Tasks, Standbys []int32
	// Self is true of the member that is asked.
	Self bool
}

// Members are those of the group as its tasks were shared out last, sorted by
// instance; none before the first time. All members say the same.
func (g *Group) Members() []Member {
	g.mu.Lock()
	p := g.mu.plan
	g.mu.Unlock()
	all := make([]Member, 0, len(p.Members))
	for _, m := range g.view.Members() {
		r, ok := p.find(m.ID)
		if !ok {
			continue // the two were not told at once: it is about to be known
		}
		all = append(all, Member{
			ID: m.ID, Instance: r.Instance, Address: m.Address, Tasks: tasksOf(m.Partitions), Standbys: r.standbys(),
			Self: r.Instance == g.cfg.Instance,
		})
	}
	slices.SortFunc(all, func(a, b Member) int {
		return cmp.Or(cmp.Compare(a.Instance, b.Instance), cmp.Compare(a.ID, b.ID))
	})
	return all
}

// Owner is the member that has a task; false while it moves, or nobody has it.
func (g *Group) Owner(task int32) (Member, bool) {
	for _, m := range g.Members() {
		if _, ok := slices.BinarySearch(m.Tasks, task); ok {
			return m, true
		}
	}
	return Member{}, false
}

// Standbys are the members that keep a copy of a task's state, by instance.
func (g *Group) Standbys(task int32) []Member {
	return slices.DeleteFunc(g.Members(), func(m Member) bool {
		_, ok := slices.BinarySearch(m.Standbys, task)
		return !ok
	})
}

// Duties are the tasks of whose state this member is to keep a copy.
func (g *Group) Duties() []int32 {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, r := range g.mu.plan.Members {
		if r.Instance == g.cfg.Instance {
			return r.standbys()
		}
	}
	return nil
}
