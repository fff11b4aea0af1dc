package metadata

import (
	"hash/maphash"
	"iter"
	"maps"
)

// shards bounds what one change copies: the topics of one shard, and the
// shards' addresses.
const shards = 256

var seed = maphash.MakeSeed()

// Snapshot is all topics at one moment. It is immutable.
type Snapshot struct {
	names [shards]map[string]*Topic
	ids   [shards]map[ID]*Topic
	count int

	version int64
}

// Version grows with every change, as long as the node runs.
func (s *Snapshot) Version() int64 { return s.version }

// Topic returns the named topic, or nil.
func (s *Snapshot) Topic(name string) *Topic { return s.names[nameShard(name)][name] }

// TopicByID returns the topic with the given id, or nil.
func (s *Snapshot) TopicByID(id ID) *Topic { return s.ids[idShard(id)][id] }

// Len is the number of topics.
func (s *Snapshot) Len() int { return s.count }

// All gives all topics in no order.
func (s *Snapshot) All() iter.Seq[*Topic] {
	return func(yield func(*Topic) bool) {
		for _, shard := range s.names {
			for _, t := range shard {
				if !yield(t) {
					return
				}
			}
		}
	}
}

func nameShard(name string) int { return int(maphash.String(seed, name) % shards) }
func idShard(id ID) int         { return int(id[15]) % shards }

// edit is a snapshot in the making, which copies each shard once, when it is
// first changed.
type edit struct {
	next       *Snapshot
	names, ids [shards]bool // copied
}

func (s *Snapshot) edit() *edit {
	next := *s
	next.version++
	return &edit{next: &next}
}

func (e *edit) put(t *Topic) {
	i, j := e.own(t)
	if old := e.next.names[i][t.Name]; old == nil {
		e.next.count++
	}
	e.next.names[i][t.Name] = t
	e.next.ids[j][t.ID] = t
}

func (e *edit) remove(t *Topic) {
	i, j := e.own(t)
	delete(e.next.names[i], t.Name)
	delete(e.next.ids[j], t.ID)
	e.next.count--
}

// own makes sure that the shards of t are the edit's own.
func (e *edit) own(t *Topic) (i, j int) {
	i, j = nameShard(t.Name), idShard(t.ID)
	if !e.names[i] {
		e.names[i] = true
		e.next.names[i] = cloned(e.next.names[i])
	}
	if !e.ids[j] {
		e.ids[j] = true
		e.next.ids[j] = cloned(e.next.ids[j])
	}
	return i, j
}

func cloned[K comparable](m map[K]*Topic) map[K]*Topic {
	if m == nil {
		return make(map[K]*Topic)
	}
	return maps.Clone(m)
}
