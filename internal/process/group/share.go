package group

import (
	"cmp"
	"slices"
)

// enough is how many offsets of the changelog a copy may be behind the newest one and
// still be as good: so many are read in a fraction of a second.
const enough = 100_000

// A node is a member as the sharing sees it.
type node struct {
	id string
	// able is false of a member that does not read all inputs, and gets no task.
	able bool
	// copies is how far it has the state of tasks.
	copies map[int32]int64
	// claims are the tasks it says it has, with the generation in which it got them.
	claims map[int32]int32
}

// A share is what is shared out: everything by task, members by their place in nodes.
type share struct {
	// owners have the tasks now; -1 of a task that somebody else has to give up first.
	owners []int
	// duties are the tasks of which each node is to keep a copy, with the offset that
	// is waited for, or 0.
	duties []map[int32]int64
}

// sharing is one sharing out.
type sharing struct {
	nodes  []node
	tasks  int32
	newest []int64 // by task: how far the state is known to be
	holder []int   // by task: who has it; -1: nobody
	aim    []int   // by task: who is to have it when all copies are where they should be
	count  []int   // by node: how many tasks are aimed at it
	able   int     // nodes that may have tasks
	least  int     // tasks that each of them is to have
	room   int     // nodes that may still have one more
}

// shareOut gives each task to one node, in the same way whoever does it. A task stays
// where it is, as far as that leaves all nodes with equally many, give or take one;
// else it goes to the node whose copy of its state is newest, else to one that has
// least. A task with state moves to a node without it only after that has made a copy;
// nor does a task move before the node that had it says that it has it no more.
func shareOut(nodes []node, tasks int32, standbys int) share {
	s := &sharing{nodes: nodes, tasks: tasks, count: make([]int, len(nodes))}
	s.newest, s.holder, s.aim = make([]int64, tasks), make([]int, tasks), make([]int, tasks)
	for t := range tasks {
		s.newest[t], s.holder[t], s.aim[t] = s.newestOf(t), s.holderOf(t), -1
	}
	out := share{owners: make([]int, tasks), duties: make([]map[int32]int64, len(nodes))}
	for n := range nodes {
		out.duties[n] = map[int32]int64{}
		if nodes[n].able {
			s.able++
		}
	}
	if s.able == 0 {
		for t := range out.owners {
			out.owners[t] = -1
		}
		return out
	}
	s.least, s.room = int(tasks)/s.able, int(tasks)%s.able
	s.keep()
	s.place()
	for t := range tasks {
		now := s.now(t)
		out.owners[t] = now
		if now != s.aim[t] {
			out.duties[s.aim[t]][t] = s.newest[t]
		}
	}
	s.standbys(out, standbys)
	s.withhold(out)
	return out
}

// withhold takes back what must be given up by somebody else first.
func (s *sharing) withhold(out share) {
	for t, now := range out.owners {
		t := int32(t)
		if !s.claimed(t, now) {
			continue
		}
		out.owners[t] = -1
		if s.newest[t] > 0 {
			out.duties[now][t] = 0 // its copy goes on until then
		}
	}
}

func (s *sharing) newestOf(t int32) (offset int64) {
	for _, n := range s.nodes {
		offset = max(offset, n.copies[t])
	}
	return offset
}

// holderOf is who has a task: of those that say so, the one that got it last.
func (s *sharing) holderOf(t int32) int {
	best := -1
	for i, n := range s.nodes {
		g, has := n.claims[t]
		if has && n.able && (best < 0 || g > s.nodes[best].claims[t]) {
			best = i
		}
	}
	if best >= 0 && s.claimedAfter(t, best) {
		return -1
	}
	return best
}

// claimedAfter tells whether a node that gets no tasks got a task after node i did.
func (s *sharing) claimedAfter(t int32, i int) bool {
	return slices.ContainsFunc(s.nodes, func(n node) bool {
		g, has := n.claims[t]
		return has && g > s.nodes[i].claims[t]
	})
}

// claimed tells whether a task must be given up by another node before node i, which
// does not have it yet, may begin.
func (s *sharing) claimed(t int32, i int) bool {
	if s.holder[t] == i {
		return false
	}
	for j, n := range s.nodes {
		if _, has := n.claims[t]; has && j != i {
			return true
		}
	}
	return false
}

// lag is how far a node's copy of a task's state is behind the newest.
func (s *sharing) lag(n int, t int32) int64 { return s.newest[t] - s.nodes[n].copies[t] }

// keep aims tasks at those that have them, up to as many as each should have.
func (s *sharing) keep() {
	held := make([][]int32, len(s.nodes))
	for t, n := range s.holder {
		if n >= 0 {
			held[n] = append(held[n], int32(t))
		}
	}
	order := s.order(func(a, b int) int { return cmp.Compare(len(held[b]), len(held[a])) })
	for _, n := range order {
		most := s.least
		if len(held[n]) > s.least && s.room > 0 {
			most++
			s.room--
		}
		s.sortForKeeping(held[n], n)
		for _, t := range held[n][:min(most, len(held[n]))] {
			s.aim[t] = n
			s.count[n]++
		}
	}
}

// sortForKeeping puts those tasks last that another node could take over at once.
func (s *sharing) sortForKeeping(tasks []int32, holder int) {
	ready := func(t int32) int {
		return btoi(slices.ContainsFunc(s.order(func(int, int) int { return 0 }), func(n int) bool {
			return n != holder && s.nodes[n].copies[t] > 0 && s.lag(n, t) <= enough
		}))
	}
	slices.SortFunc(tasks, func(a, b int32) int {
		return cmp.Or(cmp.Compare(ready(a), ready(b)), cmp.Compare(a, b))
	})
}

// order is the places of able nodes by a comparison, and then by id.
func (s *sharing) order(compare func(a, b int) int) []int {
	var all []int
	for n := range s.nodes {
		if s.nodes[n].able {
			all = append(all, n)
		}
	}
	slices.SortFunc(all, func(a, b int) int {
		return cmp.Or(compare(a, b), cmp.Compare(s.nodes[a].id, s.nodes[b].id))
	})
	return all
}

// place aims what is left: first at nodes with a copy, the newest first, and then at
// those that have least.
func (s *sharing) place() {
	copies := s.copies(func(t int32, _ int) bool { return s.aim[t] < 0 })
	for _, c := range copies {
		if s.aim[c.task] < 0 && s.fits(c.node) {
			s.take(c.task, c.node)
		}
	}
	for t := range s.tasks {
		if s.aim[t] < 0 {
			n := s.order(func(a, b int) int { return cmp.Compare(s.count[a], s.count[b]) })[0]
			s.take(t, n)
		}
	}
}

// A replica is a node's copy of a task's state.
type replica struct {
	task int32
	node int
	lag  int64
}

// copies are some of those that there are: good ones first, of these the copies of tasks
// with fewest good ones, and then the newest.
func (s *sharing) copies(of func(t int32, n int) bool) []replica {
	var all []replica
	good := make([]int, s.tasks)
	for t := range good {
		for n := range s.nodes {
			good[t] += btoi(s.nodes[n].able && s.lag(n, int32(t)) <= enough)
		}
	}
	for n := range s.nodes {
		for t := range s.nodes[n].copies {
			if s.nodes[n].able && t >= 0 && t < s.tasks && of(t, n) {
				all = append(all, replica{t, n, s.lag(n, t)})
			}
		}
	}
	slices.SortFunc(all, func(a, b replica) int {
		return cmp.Or(cmp.Compare(btoi(a.lag > enough), btoi(b.lag > enough)), cmp.Compare(good[a.task], good[b.task]),
			cmp.Compare(a.lag, b.lag), cmp.Compare(a.task, b.task), cmp.Compare(s.nodes[a.node].id, s.nodes[b.node].id))
	})
	return all
}

// fits tells whether a node may have another task.
func (s *sharing) fits(n int) bool {
	return s.count[n] < s.least || s.count[n] == s.least && s.room > 0
}

func (s *sharing) take(t int32, n int) {
	if s.count[n] == s.least {
		s.room--
	}
	s.aim[t] = n
	s.count[n]++
}

// now is who has a task until the node that it is aimed at has a copy of its state.
func (s *sharing) now(t int32) int {
	aim := s.aim[t]
	if s.lag(aim, t) <= enough {
		return aim
	}
	if s.holder[t] >= 0 {
		return s.holder[t]
	}
	best := s.order(func(a, b int) int {
		return cmp.Or(cmp.Compare(s.lag(a, t), s.lag(b, t)), cmp.Compare(s.count[a], s.count[b]))
	})[0]
	if s.lag(best, t)+enough < s.lag(aim, t) {
		return best
	}
	return aim
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
