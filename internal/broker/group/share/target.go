package share

import (
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"
)

// refresh begins a new epoch if what the members want has changed: because a
// member says so, or because topics have come, grown or gone.
func (g *Group) refresh(changed bool) {
	changed = changed || g.stale || g.epoch == 0
	if !changed && g.version == g.env.Topics.Version() {
		return
	}
	g.version = g.env.Topics.Version()
	g.forgetDeleted()
	if hash := g.hashTopics(); changed || g.stale || hash != g.hash {
		g.bump(hash)
	}
}

// forgetDeleted forgets topics that do not exist any more.
func (g *Group) forgetDeleted() {
	n := len(g.begun)
	maps.DeleteFunc(g.begun, func(id TopicID, _ begun) bool {
		_, ok := g.env.Topics.ByID(id)
		return !ok
	})
	if len(g.begun) < n {
		g.stale = true
		g.put(begunRecord(g))
	}
}

// bump begins a new epoch.
func (g *Group) bump(hash int64) {
	g.epoch++
	g.hash = hash
	g.put(groupRecord(g))
}

// wanted are the topics that members want, in order.
func (g *Group) wanted() []string {
	names := map[string]struct{}{}
	for _, m := range g.members {
		for _, name := range m.wants {
			names[name] = struct{}{}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// hashTopics is a hash of what there is of the topics that members want: it
// changes when they do.
func (g *Group) hashTopics() int64 {
	var b []byte
	for _, name := range g.wanted() {
		if id, partitions, ok := g.env.Topics.ByName(name); ok {
			b = append(b, id[:]...)
			b = binary.BigEndian.AppendUint32(b, uint32(partitions))
		}
	}
	if b == nil {
		return 0
	}
	sum := sha256.Sum256(b)
	return int64(binary.BigEndian.Uint64(sum[:]))
}

// retarget computes what each member shall have, if the group's epoch has grown.
func (g *Group) retarget() {
	if g.targetEpoch >= g.epoch {
		return
	}
	targets := make(map[string]holding, len(g.members))
	for id := range g.members {
		targets[id] = holding{}
	}
	for id, t := range g.begun {
		for m, partitions := range assign(g.readers(t.name), t.partitions, func(m string) []int32 { return g.members[m].target[id] }) {
			targets[m][id] = partitions
		}
	}
	for _, id := range slices.Sorted(maps.Keys(targets)) {
		if m := g.members[id]; m.target == nil || !m.target.same(targets[id]) {
			m.target = targets[id]
			g.put(targetRecord(g.id, m))
		}
	}
	g.targetEpoch, g.stale = g.epoch, false
	g.put(targetEpochRecord(g))
}

// readers are the members that want the topic, in order.
func (g *Group) readers(topic string) []string {
	var ids []string
	for id, m := range g.members {
		if _, ok := slices.BinarySearch(m.wants, topic); ok {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}
