package once

import (
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/evidentlog/evident/internal/seen"
)

// shardCount is in how many parts an index is cut, each with a lock and an equal share of
// the limit: identities are hashes, and spread evenly.
const shardCount = 16

// placeSize is the size of a Place in a set, in bytes.
const placeSize = 4 + 8

// forgetting is how many identities that do not count any more go for each that comes.
const forgetting = 16

// A Place is where an event is in its topic.
type Place struct {
	Partition int32
	Offset    int64
}

// Config says how long identities count.
type Config struct {
	Window time.Duration
	Limit  int // how many of the newest do; at least 16
}

// An Index knows of each identity where its event is, or who is writing it: an F. Its
// methods may be called by any goroutine.
type Index[F any] struct {
	window time.Duration
	began  time.Time // with a monotonic reading, by which all times go
	shards [shardCount]shard[F]
	early  atomic.Int64
}

type shard[F any] struct {
	mu struct {
		sync.Mutex
		known   *seen.Set
		writing map[seen.ID]F
		met     map[seen.ID]meeting // of those in writing that were read in the log
	}
}

// A meeting is where the log has an event that is being written here.
type meeting struct {
	at    int64 // on the index's clock
	place Place
}

// New makes an index that knows nothing.
func New[F any](cfg Config) (*Index[F], error) {
	x := &Index[F]{window: cfg.Window, began: time.Now()}
	for i := range x.shards {
		set, err := seen.New(seen.Config{Window: cfg.Window, Limit: cfg.Limit / shardCount, ValueSize: placeSize}, 0)
		if err != nil {
			return nil, fmt.Errorf("events that were seen: %w", err)
		}
		s := &x.shards[i]
		s.mu.known, s.mu.writing, s.mu.met = set, make(map[seen.ID]F), make(map[seen.ID]meeting)
	}
	return x, nil
}

// Identity is that of an event in a topic: the one that has this id now, which is zero on
// a cluster without ids of topics.
func Identity(topic [16]byte, name, source, id string) seen.ID {
	var room [256]byte
	text := append(room[:0], topic[:]...)
	text = appendPart(text, name)
	text = appendPart(text, source)
	return seen.Sum(appendPart(text, id))
}

// appendPart is [seen.AppendPart] of a string.
func appendPart(text []byte, part string) []byte {
	return append(binary.AppendUvarint(text, uint64(len(part))), part...)
}

func (x *Index[F]) shard(id seen.ID) *shard[F] { return &x.shards[id[0]%shardCount] }

// now is the time on the index's own clock, in ms, which begins at one window, so that
// what is as old as it can be has a time.
func (x *Index[F]) now() int64 { return (x.window + time.Since(x.began)).Milliseconds() }

// What an index says of an identity.
const (
	Unknown State = iota // nobody has written it: the caller does now
	Known                // it is in the log
	Writing              // somebody else is writing it
)

// A State is what an index says of an identity.
type State int

// Begin says what is known of an identity. If nothing is, by writes it from now on, and
// must call Done or Failed.
func (x *Index[F]) Begin(id seen.ID, by F) (State, Place, F) {
	s := x.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if other, ok := s.mu.writing[id]; ok {
		return Writing, Place{}, other
	}
	if p, ok := s.find(id, x.now()); ok {
		return Known, p, by
	}
	s.mu.writing[id] = by
	return Unknown, Place{}, by
}

func (s *shard[F]) find(id seen.ID, now int64) (Place, bool) {
	n, ok := s.mu.known.Find(id, now)
	if !ok {
		return Place{}, false
	}
	var room [placeSize]byte
	v := s.mu.known.AppendValue(room[:0], n)
	return Place{int32(binary.LittleEndian.Uint32(v)), int64(binary.LittleEndian.Uint64(v[4:]))}, true
}

// Done says where an event is that was begun.
func (x *Index[F]) Done(id seen.ID, at Place) {
	s := x.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.mu.writing, id)
	delete(s.mu.met, id)
	x.add(s, id, x.now(), at)
}

// Failed says that an event that was begun was not written, as far as its writer knows.
// If it was learnt meanwhile, it is known from now on.
func (x *Index[F]) Failed(id seen.ID) {
	s := x.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.mu.writing, id)
	if m, ok := s.mu.met[id]; ok {
		delete(s.mu.met, id)
		x.add(s, id, m.at, m.place)
	}
}

// Learn takes an event that is in the log, written so long ago. Of those with one
// identity the first that is learnt counts; of one that is being written here, what its
// writer says counts, if it says where it is.
func (x *Index[F]) Learn(id seen.ID, age time.Duration, at Place) {
	if age >= x.window {
		return
	}
	s, now := x.shard(id), x.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	written := now - max(age, 0).Milliseconds()
	if _, here := s.mu.writing[id]; here {
		if _, again := s.mu.met[id]; !again {
			s.mu.met[id] = meeting{written, at}
		}
		return
	}
	if _, ok := s.mu.known.Find(id, now); !ok {
		x.add(s, id, written, at)
	}
}

func (x *Index[F]) add(s *shard[F], id seen.ID, at int64, place Place) {
	var v [placeSize]byte
	binary.LittleEndian.PutUint32(v[:], uint32(place.Partition))
	binary.LittleEndian.PutUint64(v[4:], uint64(place.Offset))
	s.mu.known.Add(id, at, v[:])
	if early := s.mu.known.Expire(forgetting); early > 0 {
		x.early.Add(int64(early))
	}
}

// Len is how many identities are in memory.
func (x *Index[F]) Len() int {
	n := 0
	for i := range x.shards {
		s := &x.shards[i]
		s.mu.Lock()
		n += s.mu.known.Len()
		s.mu.Unlock()
	}
	return n
}

// Early is how many identities were forgotten before their time, since more came than
// the limit allows.
func (x *Index[F]) Early() int64 { return x.early.Load() }
