package consumer

// reconcile takes m as far towards its target as it can go now, and reports
// whether m may now read other partitions. Changed says that m reads other topics
// since this step.
func (g *Group) reconcile(m *member, has owned, changed bool) (moved bool) {
	if !changed && m.reached(g.targetEpoch) {
		return false
	}
	g.resolve(m.reads)
	next := g.next(m, has, changed)
	if m.same(next) {
		return false
	}
	moved = !m.assigned.same(next.assigned)
	g.advance(m, next)
	g.put(currentRecord(g.id, m))
	m.revoke = deadline{}
	if m.state == unrevoked && m.classic == nil {
		g.arm(&m.revoke, m.rebalance)
	}
	return moved
}

func (p progress) same(o progress) bool {
	return p.epoch == o.epoch && p.previous == o.previous && p.state == o.state &&
		p.assigned.same(o.assigned) && p.revoking.same(o.revoking)
}

// next is where m goes from where it is.
func (g *Group) next(m *member, has owned, changed bool) progress {
	waits := m.state == unrevoked && has.any(m.revoking) // for m to give up partitions
	switch {
	case !waits && !m.reached(g.targetEpoch):
		return g.towards(m, has)
	case changed:
		return m.shrunk(has)
	}
	return m.progress
}

// towards takes m to the epoch of its target, unless there is something that it
// must give up first. m gets what is free of its target.
func (g *Group) towards(m *member, has owned) progress {
	kept, revoking, all := held{}, held{}, true
	target := make(map[Partition]struct{}, len(m.target))
	for _, p := range m.target {
		if _, reads := m.reads.ids[p.Topic]; reads {
			target[p] = struct{}{}
		}
	}
	for p, epoch := range m.assigned {
		if _, ok := target[p]; ok {
			kept[p] = epoch
		} else {
			revoking[p] = epoch
		}
	}
	if len(revoking) > 0 && has.any(revoking) {
		return progress{epoch: m.epoch, previous: m.epoch, state: unrevoked, assigned: kept, revoking: revoking}
	}
	for p := range target {
		if _, ok := kept[p]; ok {
			continue
		}
		if owner := g.owners[p]; owner != nil && owner != m {
			all = false
			continue
		}
		kept[p] = g.targetEpoch
	}
	next := progress{epoch: g.targetEpoch, previous: m.epoch, state: stable, assigned: kept}
	if !all {
		next.state = unreleased
	}
	return next
}

// shrunk has m give up what it does not read any more, before there is a new
// target, or while m gives up something else.
func (m *member) shrunk(has owned) progress {
	next := m.progress
	next.assigned, next.revoking = held{}, held{}
	for p, epoch := range m.revoking {
		next.revoking[p] = epoch
	}
	for p, epoch := range m.assigned {
		if _, reads := m.reads.ids[p.Topic]; reads {
			next.assigned[p] = epoch
		} else {
			next.revoking[p] = epoch
		}
	}
	switch {
	case len(next.assigned) == len(m.assigned):
		return m.progress
	case has.any(next.revoking):
		next.state = unrevoked
	default:
		next.revoking = m.revoking // what is new in it is given up already
	}
	return next
}
