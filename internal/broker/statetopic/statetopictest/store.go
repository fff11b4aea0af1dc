// Package statetopictest has a [statetopic.Store] in memory for the tests of
// coordinators, whose disk can be slow, fail, and lose what was not durable.
package statetopictest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/evidentlog/evident/internal/broker/statetopic"
	"github.com/evidentlog/evident/internal/log/batch"
)

// Store is a topic in memory. Its methods may be called concurrently.
type Store struct {
	mu         sync.Mutex
	faults     Faults
	partitions int32
	batches    map[int32][]*entry
	ends       map[int32]int64 // the next offset, by partition
	creations  int
}

// Faults are what goes wrong, or takes time, from now on. The zero value is a
// disk that is perfect and takes no time.
type Faults struct {
	Delay     time.Duration // until an append is durable or has failed
	Append    error
	Create    error
	Read      error
	ReadDelay time.Duration
	MaxBatch  int // larger ones are refused; 0: none
}

type entry struct {
	raw     []byte
	durable bool
	lost    bool // in a crash, before it was durable
}

var errLost = errors.New("lost in a crash")

// New returns a store with so many partitions; 0: the topic does not exist.
func New(partitions int32) *Store {
	return &Store{partitions: partitions, batches: map[int32][]*entry{}, ends: map[int32]int64{}}
}

// Set changes what goes wrong.
func (s *Store) Set(f Faults) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = f
}

// Change changes some of what goes wrong.
func (s *Store) Change(f func(*Faults)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.faults)
}

// Partitions implements [statetopic.Store].
func (s *Store) Partitions() int32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.partitions
}

// created is how many partitions Create makes.
const created = 8

// Create implements [statetopic.Store].
func (s *Store) Create(context.Context) (int32, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.creations++
	if s.faults.Create != nil {
		return 0, s.faults.Create
	}
	s.partitions = created
	return s.partitions, nil
}

// Append implements [statetopic.Store].
func (s *Store) Append(partition int32, raw []byte, done func(error)) {
	s.mu.Lock()
	f := s.faults
	err := f.Append
	if f.MaxBatch > 0 && len(raw) > f.MaxBatch {
		err = statetopic.ErrTooLarge
	}
	e := &entry{raw: slices.Clone(raw)}
	if err == nil {
		s.add(partition, e)
	}
	s.mu.Unlock()
	finish := func() {
		s.mu.Lock()
		if e.lost {
			err = errLost
		}
		e.durable = err == nil
		s.mu.Unlock()
		done(err)
	}
	if f.Delay == 0 {
		finish()
		return
	}
	time.AfterFunc(f.Delay, finish)
}

// add gives the batch its offset.
func (s *Store) add(partition int32, e *entry) {
	b := batch.Batch(e.raw)
	b.SetBaseOffset(s.ends[partition])
	s.ends[partition] = b.NextOffset()
	s.batches[partition] = append(s.batches[partition], e)
}

// AppendTransactional is Append unless admit refuses, as the group coordinator
// asks of its store.
func (s *Store) AppendTransactional(partition int32, raw []byte, admit func() *kerr.Error, done func(error)) {
	if err := admit(); err != nil {
		done(err)
		return
	}
	s.Append(partition, raw, done)
}

// AppendMarker is Append of a transaction's end.
func (s *Store) AppendMarker(partition int32, m batch.Marker, done func(error)) {
	s.Append(partition, m.Batch(time.Now().UnixMilli()), done)
}

// Read implements [statetopic.Store]. It gives what is durable.
func (s *Store) Read(_ context.Context, partition int32, fn func([]byte) error) error {
	s.mu.Lock()
	f := s.faults
	s.mu.Unlock()
	time.Sleep(f.ReadDelay)
	if f.Read != nil {
		return f.Read
	}
	s.mu.Lock()
	var raw []byte
	for _, e := range s.batches[partition] {
		if e.durable {
			raw = append(raw, e.raw...)
		}
	}
	s.mu.Unlock()
	if len(raw) == 0 {
		return nil
	}
	return fn(raw)
}

// Crash loses what is not durable; who waits for it gets an error.
func (s *Store) Crash() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for p, batches := range s.batches {
		s.batches[p] = slices.DeleteFunc(batches, func(e *entry) bool {
			e.lost = !e.durable
			return e.lost
		})
	}
}

// Clear removes all batches.
func (s *Store) Clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.batches)
}

// Batches returns the batches of a partition, durable or not.
func (s *Store) Batches(partition int32) [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all [][]byte
	for _, e := range s.batches[partition] {
		all = append(all, e.raw)
	}
	return all
}

// Count returns the number of batches of all partitions.
func (s *Store) Count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, p := range s.batches {
		n += len(p)
	}
	return n
}

// Creations returns how often the topic was asked to be created.
func (s *Store) Creations() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.creations
}
