package consumer

import (
	"maps"
	"slices"
)

// Restore returns the group of which the log holds im. Sessions, and the time
// to give up partitions, begin anew. Expressions that cannot be compiled match nothing.
func Restore(cfg *Config, id string, env Env, im *Image) *Group {
	g := New(cfg, id)
	g.begin(env)
	g.legacyTopics = im.legacyTopics
	if im.epoch != nil {
		g.epoch, g.hash, g.stored = im.epoch.epoch, im.epoch.hash, true
	}
	if im.targetEpoch != nil {
		g.targetEpoch = *im.targetEpoch
	}
	for expr, topics := range im.regexes {
		g.restoreRegex(expr, topics)
	}
	// Members in order, so that of two that hold a partition it is always the same that keeps it.
	for _, memberID := range slices.Sorted(maps.Keys(im.members)) {
		g.restore(memberID, im.members[memberID], im)
	}
	g.end() // there is nothing to write
	return g
}

// restore adds a member. Of what has no member any more, nothing is restored.
func (g *Group) restore(id string, s *said, im *Image) {
	m := &member{
		id: id, instanceID: s.instanceID, rackID: s.rackID, client: s.client, rebalance: s.rebalance,
		assignor: s.assignor, classic: s.classic, reads: g.subscriptions.get(s.names, s.regex),
		target: im.targets[id],
	}
	g.add(m)
	if s.regex != "" && g.regexes[s.regex] == nil {
		g.restoreRegex(s.regex, nil)
	}
	if p := im.current[id]; p != nil {
		g.advance(m, progress{p.epoch, p.previous, p.state, g.disputed(p.assigned), g.disputed(p.revoking)})
	}
	g.epoch, g.targetEpoch = max(g.epoch, m.epoch), max(g.targetEpoch, m.epoch)
	g.hear(m)
	if m.state == unrevoked && m.classic == nil && !m.away() {
		g.arm(&m.revoke, m.rebalance)
	}
}

func (g *Group) restoreRegex(expr string, topics []string) {
	if compiled, err := compile(expr); err == nil {
		g.regexes[expr] = &regex{compiled: compiled, topics: topics, version: unresolved}
	}
}

// disputed leaves out of h what another member got later or holds already. It
// takes two writes of which the first failed for there to be such a thing.
func (g *Group) disputed(h held) held {
	kept := make(held, len(h))
	for p, since := range h {
		owner := g.owners[p]
		switch {
		case owner == nil:
		case first(owner.since(p)) >= since:
			continue
		default:
			owner.assigned, owner.revoking = without(owner.assigned, p), without(owner.revoking, p)
		}
		kept[p] = since
	}
	return kept
}

func first(epoch int32, _ bool) int32 { return epoch }

func without(h held, p Partition) held {
	h = maps.Clone(h)
	delete(h, p)
	return h
}
