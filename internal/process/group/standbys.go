package group

import (
	"cmp"
	"slices"
)

// spreading is where copies of state are to be kept.
type spreading struct {
	*sharing
	out    share
	wanted int   // copies of each task's state
	most   int   // copies that a node is to have, at most
	load   []int // by node: copies that it is to have
	chosen []int // by task: nodes that are to have a copy
	good   []int // by task: those of them whose copy is as good as the newest
}

// standbys adds to out who keeps copies of which task's state, beside its owner: those
// that have one, the newest first, and then those that have least to do. All have
// equally many, give or take one. A copy that is good, but in the wrong place, is kept
// until there are as many good ones as wanted.
func (s *sharing) standbys(out share, wanted int) {
	wanted = min(wanted, s.able-1)
	if wanted <= 0 {
		return
	}
	p := &spreading{
		sharing: s, out: out, wanted: wanted, most: (int(s.tasks)*wanted + s.able - 1) / s.able,
		load: make([]int, len(s.nodes)), chosen: make([]int, s.tasks), good: make([]int, s.tasks),
	}
	copies := s.copies(func(t int32, n int) bool { return out.owners[t] != n })
	for _, c := range copies {
		if p.chosen[c.task] < wanted && p.load[c.node] < p.most {
			p.choose(c.task, c.node)
		}
	}
	for t := range s.tasks {
		p.fill(t)
	}
	p.hold(copies)
}

// choose lets a node have a copy.
func (p *spreading) choose(t int32, n int) {
	if _, has := p.out.duties[n][t]; !has {
		p.out.duties[n][t] = 0
	}
	p.load[n]++
	p.chosen[t]++
	if p.lag(n, t) <= enough {
		p.good[t]++
	}
}

// fill chooses nodes for a task until there are as many as wanted.
func (p *spreading) fill(t int32) {
	if p.chosen[t] >= p.wanted {
		return
	}
	free := slices.DeleteFunc(p.order(func(a, b int) int {
		return cmp.Or(cmp.Compare(p.load[a]/p.most, p.load[b]/p.most), cmp.Compare(p.load[a]+p.count[a], p.load[b]+p.count[b]))
	}), func(n int) bool { return n == p.out.owners[t] || p.keeps(t, n) })
	for _, n := range free[:min(len(free), p.wanted-p.chosen[t])] {
		p.choose(t, n)
	}
}

// keeps tells whether a node was chosen for a task, or waited for.
func (p *spreading) keeps(t int32, n int) bool {
	_, has := p.out.duties[n][t]
	return has
}

// hold keeps good copies that were not chosen, where those that were are not as good,
// and has the group wait for these.
func (p *spreading) hold(copies []replica) {
	held := make([]bool, p.tasks)
	for _, c := range copies {
		if c.lag <= enough && p.good[c.task] < p.wanted && !p.keeps(c.task, c.node) {
			p.out.duties[c.node][c.task] = 0
			p.good[c.task]++
			held[c.task] = true
		}
	}
	for n, duties := range p.out.duties {
		for t := range duties {
			if held[t] && p.lag(n, t) > enough {
				duties[t] = p.newest[t]
			}
		}
	}
}
