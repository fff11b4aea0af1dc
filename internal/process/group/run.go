package group

import (
	"context"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// tick is how often the others are asked whether they live.
	tick = 250 * time.Millisecond
	// refusals is how many in a row put a member out.
	refusals = 3
	// neighbours is how many others a member watches.
	neighbours = 2
)

// Run does what a member does beside its tasks, with its client, until ctx ends: it
// puts those out of the group whose nodes are gone, fences their producers, and has
// tasks shared out anew when a copy of the state that was waited for is there.
func (g *Group) Run(ctx context.Context, client *kgo.Client) error {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	refused := map[string]int{} // in a row, by member
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-g.news:
			g.fenceGone(ctx, client)
		case <-ticker.C:
			g.watch(ctx, client, refused)
			if g.arrived() {
				client.ForceRebalance()
			}
		}
	}
}

// learn notes how tasks are shared out, and who is not in it any more.
func (g *Group) learn(p plan) {
	g.mu.Lock()
	before, changed := g.mu.plan, g.mu.changed
	g.mu.plan, g.mu.await = p, map[int32]int64{}
	if g.first(before, p) {
		for _, r := range before.Members {
			if !p.has(r.Instance) {
				g.mu.gone[r.Instance] = r
			}
		}
	}
	for _, r := range p.Members {
		delete(g.mu.gone, r.Instance)
		for t, until := range r.Duties {
			if r.Instance == g.cfg.Instance && until > 0 {
				g.mu.await[t] = until
			}
		}
	}
	g.mu.Unlock()
	select {
	case g.news <- struct{}{}:
	default:
	}
	if changed != nil {
		changed()
	}
}

// first tells whether this member is the first of those that saw the plan before: one
// is enough to fence those that are gone.
func (g *Group) first(before, now plan) bool {
	var saw []string
	for _, r := range now.Members {
		if before.has(r.Instance) {
			saw = append(saw, r.Instance)
		}
	}
	return len(saw) > 0 && slices.Min(saw) == g.cfg.Instance
}

func (p plan) has(instance string) bool {
	return slices.ContainsFunc(p.Members, func(r roster) bool { return r.Instance == instance })
}

// arrived tells whether a copy that the group waits for has come as far as it was to,
// and stops waiting for it.
func (g *Group) arrived() bool {
	copies := g.cfg.Copies()
	g.mu.Lock()
	defer g.mu.Unlock()
	there := false
	for t, until := range g.mu.await {
		if copies[t] >= until-enough {
			delete(g.mu.await, t)
			there = true
		}
	}
	return there
}

// watch asks the neighbours whether they live, and puts those out that do not.
func (g *Group) watch(ctx context.Context, client *kgo.Client, refused map[string]int) {
	if g.cfg.Prober == nil {
		return
	}
	near := g.near()
	for id := range refused {
		if !slices.ContainsFunc(near, func(m Member) bool { return m.ID == id }) {
			delete(refused, id)
		}
	}
	for _, m := range near {
		if !g.cfg.Prober.Refused(ctx, m.Address) {
			delete(refused, m.ID)
			continue
		}
		if refused[m.ID]++; refused[m.ID] >= refusals {
			delete(refused, m.ID)
			g.putOut(ctx, client, m)
		}
	}
}

// near are the members after this one, in a ring by instance, as far as others can
// reach them.
func (g *Group) near() []Member {
	all := slices.DeleteFunc(g.Members(), func(m Member) bool { return m.Address == "" && !m.Self })
	self := slices.IndexFunc(all, func(m Member) bool { return m.Self })
	if self < 0 {
		return nil
	}
	ring := slices.Concat(all[self+1:], all[:self])
	return ring[:min(len(ring), neighbours)]
}
