package consumer

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/evidentlog/evident/internal/broker/group/assignor"
)

// refresh begins a new epoch if what the members read has changed: because a
// member says so, or because topics have come, grown or gone.
func (g *Group) refresh(changed bool) {
	changed = g.rematch() || changed
	if !changed && g.stored && g.version == g.env.Topics.Version() {
		return
	}
	g.dropRegexes()
	hash := g.hashTopics()
	g.version = g.env.Topics.Version()
	switch {
	case changed || hash != g.hash:
		g.bump(hash)
	case !g.stored:
		g.putEpoch()
	}
}

// bump begins a new epoch.
func (g *Group) bump(hash int64) {
	g.epoch++
	g.hash = hash
	g.putEpoch()
}

func (g *Group) putEpoch() {
	g.stored = true
	g.put(groupRecord(g))
	if g.legacyTopics {
		g.legacyTopics = false
		g.put(tombstone(legacyTopicsKey(g.id)))
	}
}

// hashTopics is a hash of what there is of the topics that members read: it
// changes when they do.
func (g *Group) hashTopics() int64 {
	names := map[string]struct{}{}
	for _, sub := range g.subscriptions {
		for _, name := range sub.names {
			names[name] = struct{}{}
		}
	}
	for _, r := range g.regexes {
		for _, name := range r.topics {
			names[name] = struct{}{}
		}
	}
	return hashOf(names, g.env.Topics)
}

func hashOf(names map[string]struct{}, topics Topics) int64 {
	ids := make([]TopicID, 0, len(names))
	counts := make(map[TopicID]int32, len(names))
	for name := range names {
		if id, partitions, ok := topics.ByName(name); ok {
			ids = append(ids, id)
			counts[id] = partitions
		}
	}
	if len(ids) == 0 {
		return 0
	}
	slices.SortFunc(ids, func(a, b TopicID) int { return slices.Compare(a[:], b[:]) })
	var b []byte
	for _, id := range ids {
		b = append(b, id[:]...)
		b = binary.BigEndian.AppendUint32(b, uint32(counts[id]))
	}
	sum := sha256.Sum256(b)
	return int64(binary.BigEndian.Uint64(sum[:]))
}

// retarget computes what each member shall have, if the group's epoch has grown.
func (g *Group) retarget() {
	if g.targetEpoch >= g.epoch {
		return
	}
	specs := make([]assignor.Member, len(g.order))
	for i, m := range g.order {
		g.resolve(m.reads)
		specs[i] = m.spec()
	}
	for i, target := range assignorNamed(g.assignorName())(specs) {
		m := g.order[i]
		if m.target != nil && slices.Equal(m.target, target) {
			continue
		}
		if m.target = target; target == nil {
			m.target = []Partition{}
		}
		g.put(targetRecord(g.id, m))
	}
	g.targetEpoch = g.epoch
	g.put(targetEpochRecord(g))
}

func (g *Group) resolve(sub *subscription) {
	var matched []string
	if r := g.regexes[sub.regex]; r != nil {
		matched = r.topics
	}
	sub.resolve(g.env.Topics, matched)
}

// assignorName is what most members ask for.
func (g *Group) assignorName() string {
	votes := map[string]int{}
	for _, m := range g.order {
		votes[m.assignor]++
	}
	if votes[assignor.RangeName] > votes[assignor.UniformName] {
		return assignor.RangeName
	}
	return assignor.UniformName
}

// assignorNamed returns the assignor, or nil.
func assignorNamed(name string) assignor.Assignor {
	switch name {
	case assignor.UniformName:
		return assignor.Uniform
	case assignor.RangeName:
		return assignor.Range
	}
	return nil
}
