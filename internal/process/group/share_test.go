package group

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// A simulation is a group whose members come, go and are killed, with their copies of
// state; who has a task is what the members did when they were told.
type simulation struct {
	t          *rapid.T
	nodes      []*simulated
	tasks      int32
	standbys   int
	generation int32
	made       int
	ends       []int64 // of the changelog, by task
	moves      int     // tasks that were begun by somebody in the last round
}

type simulated struct {
	id     string
	copies map[int32]int64
	has    map[int32]bool
	since  int32           // the generation in which it was told last
	duties map[int32]int64 // as it was told
}

func (s *simulation) join() {
	s.made++
	s.nodes = append(s.nodes, &simulated{id: fmt.Sprintf("m%03d", s.made), copies: map[int32]int64{}, has: map[int32]bool{}})
}

func (s *simulation) input() []node {
	var in []node
	for _, n := range s.nodes {
		v := node{id: n.id, able: true, copies: map[int32]int64{}, claims: map[int32]int32{}}
		for t, o := range n.copies {
			v.copies[t] = o
		}
		for t := range n.has {
			v.claims[t] = n.since
		}
		in = append(in, v)
	}
	return in
}

// round is one rebalance; it tells whether somebody has to give up something first.
func (s *simulation) round() (again bool) {
	s.generation++
	out := shareOut(s.input(), s.tasks, s.standbys)
	s.moves = 0
	for i, n := range s.nodes {
		n.duties = out.duties[i]
		for t := range n.has {
			if out.owners[t] != i {
				delete(n.has, t) // revoked: it joins again
				again = true
			}
		}
		n.since = s.generation
	}
	for t, i := range out.owners {
		if i < 0 {
			continue
		}
		t := int32(t)
		for j, other := range s.nodes {
			if j != i && other.has[t] {
				s.t.Fatalf("task %d is given to %s while %s has it", t, s.nodes[i].id, other.id)
			}
		}
		if n := s.nodes[i]; !n.has[t] {
			n.has[t] = true
			s.moves++
			n.copies[t] = max(n.copies[t], s.newestAlive(t))
		}
	}
	return again
}

func (s *simulation) newestAlive(t int32) (o int64) {
	for _, n := range s.nodes {
		o = max(o, n.copies[t])
	}
	return o
}

// work lets time pass: owners write, standbys follow.
func (s *simulation) work() {
	for _, n := range s.nodes {
		for t := range n.has {
			s.ends[t] += int64(rapid.SampledFrom([]int{0, 1000, 1_000_000}).Draw(s.t, "written"))
			n.copies[t] = s.ends[t]
		}
	}
	for _, n := range s.nodes {
		for t := range n.duties {
			if !n.has[t] && rapid.Bool().Draw(s.t, "follows") {
				n.copies[t] = s.newestAlive(t)
			}
		}
	}
}

// settle has members join again until nobody needs to.
func (s *simulation) settle() {
	for range 3 {
		if !s.round() {
			return
		}
	}
	s.t.Fatalf("after three rounds members still give tasks up")
}

// follow has all copies that are wanted come to the end, and everything settle.
func (s *simulation) follow() {
	for range 20 {
		waiting := false
		for _, n := range s.nodes {
			for t, until := range n.duties {
				waiting = waiting || until > 0
				n.copies[t] = s.newestAlive(t)
			}
		}
		s.settle()
		if !waiting {
			return
		}
	}
	s.t.Fatalf("copies are waited for without end")
}

func (s *simulation) checkOwners() {
	for t := range s.tasks {
		owners := 0
		for _, n := range s.nodes {
			if n.has[t] {
				owners++
			}
		}
		if owners != 1 {
			s.t.Fatalf("task %d has %d owners", t, owners)
		}
	}
}

// spread is by how much the member that has most has more than the one with least.
func spread[V any](nodes []*simulated, of func(*simulated) map[int32]V) int {
	var counts []int
	for _, n := range nodes {
		counts = append(counts, len(of(n)))
	}
	return slices.Max(counts) - slices.Min(counts)
}

func (s *simulation) checkRest() {
	if d := spread(s.nodes, func(n *simulated) map[int32]bool { return n.has }); d > 1 {
		s.t.Fatalf("a member has %d tasks more than another", d)
	}
	want := min(s.standbys, len(s.nodes)-1)
	for t := range s.tasks {
		copies := 0
		for _, n := range s.nodes {
			if _, is := n.duties[t]; is {
				copies++
				if n.has[t] {
					s.t.Fatalf("%s keeps a copy of task %d, which it has", n.id, t)
				}
			}
		}
		if copies != want {
			s.t.Fatalf("task %d has %d standbys, want %d", t, copies, want)
		}
	}
	s.round()
	if s.moves > 0 {
		s.t.Fatalf("%d tasks move when nothing has changed", s.moves)
	}
}

func TestAnyGroupComesToRestWithEachTaskOnceAndAllAlike(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tasks := rapid.Int32Range(1, 24).Draw(t, "tasks")
		s := &simulation{t: t, tasks: tasks, standbys: rapid.IntRange(0, 2).Draw(t, "standbys"), ends: make([]int64, tasks)}
		s.join()
		s.settle()
		for range rapid.IntRange(1, 12).Draw(t, "events") {
			switch rapid.SampledFrom([]string{"join", "kill", "leave", "work", "round"}).Draw(t, "event") {
			case "join":
				s.join()
			case "kill", "leave":
				if len(s.nodes) > 1 {
					i := rapid.IntRange(0, len(s.nodes)-1).Draw(t, "who")
					s.nodes = slices.Delete(s.nodes, i, i+1)
				}
			case "work":
				s.work()
			}
			if rapid.Bool().Draw(t, "settles") {
				s.settle()
				s.checkOwners()
			} else {
				s.round()
			}
		}
		s.settle()
		s.checkOwners()
		s.follow()
		s.checkOwners()
		s.checkRest()
	})
}

func TestATaskMovesOnlyIfItMust(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tasks := rapid.Int32Range(1, 40).Draw(t, "tasks")
		s := &simulation{t: t, tasks: tasks, ends: make([]int64, tasks)}
		for range rapid.IntRange(1, 6).Draw(t, "members") {
			s.join()
		}
		s.settle()
		before := len(s.nodes)
		s.join()
		moved := 0
		for s.round() {
			moved += s.moves
		}
		moved += s.moves
		if most := (int(tasks) + before) / (before + 1); moved > most {
			t.Fatalf("%d of %d tasks moved to the %d-th member, want at most %d", moved, tasks, before+1, most)
		}
	})
}

func TestATaskWaitsForItsStateAtItsNextOwner(t *testing.T) {
	old := node{id: "a", able: true, copies: map[int32]int64{0: 9_000_000, 1: 9_000_000}, claims: map[int32]int32{0: 1, 1: 1}}
	fresh := node{id: "b", able: true}
	out := shareOut([]node{old, fresh}, 2, 0)
	if fmt.Sprint(out.owners) != "[0 0]" || fmt.Sprint(out.duties[1]) != "map[1:9000000]" {
		t.Fatalf("without a copy: owners %v, duties %v", out.owners, out.duties)
	}
	fresh.copies = map[int32]int64{1: 8_950_000}
	out = shareOut([]node{old, fresh}, 2, 0)
	if fmt.Sprint(out.owners) != "[0 -1]" {
		t.Fatalf("with a copy: owners %v", out.owners)
	}
	delete(old.claims, 1)
	if out = shareOut([]node{old, fresh}, 2, 0); fmt.Sprint(out.owners) != "[0 1]" {
		t.Fatalf("given up: owners %v", out.owners)
	}
}

func TestTheNewestCopyTakesOver(t *testing.T) {
	nodes := []node{
		{id: "a", able: true, copies: map[int32]int64{0: 5}},
		{id: "b", able: true, copies: map[int32]int64{0: 9, 1: 2_000_000}},
		{id: "c", able: true, copies: map[int32]int64{1: 9}},
	}
	out := shareOut(nodes, 2, 1)
	if fmt.Sprint(out.owners) != "[0 1]" {
		t.Errorf("owners %v: task 1's state is at b, and task 0's as good at a", out.owners)
	}
}

func TestWhoDoesNotReadAllInputsGetsNothing(t *testing.T) {
	nodes := []node{{id: "a", claims: map[int32]int32{0: 4}}, {id: "b", able: true}}
	if out := shareOut(nodes, 2, 0); fmt.Sprint(out.owners) != "[-1 1]" {
		t.Errorf("owners %v", out.owners)
	}
	if out := shareOut(nodes[:1], 2, 1); fmt.Sprint(out.owners) != "[-1 -1]" {
		t.Errorf("owners %v", out.owners)
	}
}

// A member that missed rebalances may say that it has what another one has by now.
func TestAnOldClaimIsNoOwner(t *testing.T) {
	nodes := []node{
		{id: "a", able: true, claims: map[int32]int32{0: 3}},
		{id: "b", able: true, claims: map[int32]int32{0: 7, 1: 7}},
	}
	if out := shareOut(nodes, 2, 0); fmt.Sprint(out.owners) != "[1 -1]" && fmt.Sprint(out.owners) != "[-1 1]" {
		t.Errorf("owners %v", out.owners)
	}
}
