package process

import (
	"iter"
	"time"

	"github.com/evidentlog/evident/internal/process/state"
	"github.com/evidentlog/evident/internal/process/timer"
)

// store is a keyed state as the code sees it in a call: of no use once the call is over.
type store struct {
	call *call
	name string
}

// with has f use the state, if the call is alive.
func (s *store) with(f func(*state.Store) error) error {
	if err := s.call.enter(); err != nil {
		return err
	}
	defer s.call.leave()
	return f(s.call.task.tx.Store(s.name))
}

// Get implements [Store].
func (s *store) Get(key []byte) (value []byte, ok bool, err error) {
	err = s.with(func(in *state.Store) (err error) { value, ok, err = in.Get(key); return err })
	return value, ok, err
}

// Put implements [Store].
func (s *store) Put(key, value []byte) error {
	return s.with(func(in *state.Store) error { return in.Put(key, value) })
}

// PutUntil implements [Store].
func (s *store) PutUntil(key, value []byte, until time.Time) error {
	return s.with(func(in *state.Store) error { return in.PutUntil(key, value, until) })
}

// Delete implements [Store].
func (s *store) Delete(key []byte) error {
	return s.with(func(in *state.Store) error { return in.Delete(key) })
}

// Range implements [Store]. While the code looks at an entry, the call can be given up:
// then the range ends.
func (s *store) Range(from, to []byte) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		if err := s.call.enter(); err != nil {
			yield(Entry{}, err)
			return
		}
		alive := true
		defer func() {
			if alive {
				s.call.leave()
			}
		}()
		for e, err := range s.call.task.tx.Store(s.name).Range(from, to) {
			s.call.leave()
			alive = false
			if !yield(Entry{e.Key, e.Value}, err) || s.call.enter() != nil {
				return
			}
			alive = true
		}
	}
}

// timerStore is the state that timers are in.
type timerStore struct{ *state.Store }

// Range implements [timer.Store].
func (s timerStore) Range(from, to []byte) iter.Seq2[struct{ Key, Value []byte }, error] {
	return func(yield func(struct{ Key, Value []byte }, error) bool) {
		for e, err := range s.Store.Range(from, to) {
			if !yield(struct{ Key, Value []byte }(e), err) {
				return
			}
		}
	}
}

var _ timer.Store = timerStore{}
