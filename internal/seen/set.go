package seen

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"runtime"
	"time"
)

// MaxLimit is the most ids that a set can be made to have.
const MaxLimit = math.MaxInt32

// maxValueSize is the largest value of an id, in bytes.
const maxValueSize = 1 << 10

// ErrConfig is wrapped by what New says of a configuration.
var ErrConfig = errors.New("set of ids")

// Config says how long ids count.
type Config struct {
	// Window is for how long, in whole milliseconds.
	Window time.Duration
	// Limit is how many of the newest do.
	Limit int
	// ValueSize is how many bytes each id has beside itself.
	ValueSize int
}

// A Set has the ids that were added lately, in the order of their times: those within
// the window of the newest one's time, and at most Limit. Each has a number; the first
// ever has 0. A Set is used by one goroutine at a time. It needs no closing: its memory
// goes when nothing refers to it.
type Set struct {
	window int64 // ms
	limit  uint64
	values int
	queue  queue
	index  index
}

// New is a set whose first id will have that number.
func New(cfg Config, first uint64) (*Set, error) {
	switch {
	case cfg.Window < time.Millisecond:
		return nil, fmt.Errorf("%w: the window is %v, and must be 1 ms or more", ErrConfig, cfg.Window)
	case cfg.Limit < 1 || cfg.Limit > MaxLimit:
		return nil, fmt.Errorf("%w: the limit is %d ids, and must be 1 to %d", ErrConfig, cfg.Limit, MaxLimit)
	case cfg.ValueSize < 0 || cfg.ValueSize > maxValueSize:
		return nil, fmt.Errorf("%w: values have %d bytes, and must have 0 to %d", ErrConfig, cfg.ValueSize, maxValueSize)
	}
	s := &Set{window: cfg.Window.Milliseconds(), limit: uint64(cfg.Limit), values: cfg.ValueSize}
	s.queue = queue{first: first, next: first, stride: IDSize + timeSize + cfg.ValueSize}
	s.index.init(&s.queue, cfg.Limit)
	return s, nil
}

// First is the number of the oldest id in memory, if there is one, and Next that of the
// next one. They differ by Len.
func (s *Set) First() uint64 { return s.queue.first }

// Next is the number that the next id gets.
func (s *Set) Next() uint64 { return s.queue.next }

// Len is how many ids are in memory.
func (s *Set) Len() int { return s.queue.len() }

// Time is what a time (Unix ms) counts as: that of the newest id if that is later.
func (s *Set) Time(at int64) int64 {
	at = min(max(at, 0), maxTime)
	if s.queue.len() > 0 {
		at = max(at, timeOf(s.queue.at(s.queue.next-1)))
	}
	runtime.KeepAlive(s)
	return at
}

// Find gives the number of an id that counts at a time (Unix ms).
func (s *Set) Find(id ID, at int64) (number uint64, ok bool) {
	at = s.Time(at)
	number, ok = s.index.find(id, s.oldest(at))
	runtime.KeepAlive(s)
	return number, ok
}

// oldest is what tells entries that count at a time from those that do not.
func (s *Set) oldest(at int64) edge {
	e := edge{after: at - s.window, from: s.queue.first}
	if s.queue.next-e.from > s.limit {
		e.from = s.queue.next - s.limit
	}
	return e
}

// An edge is where the window begins: after a time, and from a number on.
type edge struct {
	after int64
	from  uint64
}

// Entry gives the id of a number between First and Next, and its time.
func (s *Set) Entry(number uint64) (ID, int64) {
	e := s.queue.at(number)
	id, at := idOf(e), timeOf(e)
	runtime.KeepAlive(s)
	return id, at
}

// AppendValue appends the value of the id of a number between First and Next.
func (s *Set) AppendValue(b []byte, number uint64) []byte {
	b = append(b, s.queue.at(number)[IDSize+timeSize:]...)
	runtime.KeepAlive(s)
	return b
}

// Add adds an id that Find does not find, at a time that counts as Time says, with the
// first bytes of value. What does not count any more stays until Expire.
func (s *Set) Add(id ID, at int64, value []byte) (number uint64) {
	at = s.Time(at)
	number = s.queue.next
	fill(s.queue.pushBack(), id, at, s.whole(value))
	s.index.insert(id, number)
	runtime.KeepAlive(s)
	return number
}

// A Remembered is an id that a set had.
type Remembered struct {
	ID    ID
	At    int64 // Unix ms
	Value []byte
}

// Fill adds ids to a set that is empty, oldest first: many at once are quicker.
func (s *Set) Fill(ids iter.Seq[Remembered]) {
	for r := range ids {
		at := s.Time(r.At)
		fill(s.queue.pushBack(), r.ID, at, s.whole(r.Value))
	}
	s.index.reserve(s.queue.len())
	for n := s.queue.first; n < s.queue.next; n++ {
		s.index.insert(idOf(s.queue.at(n)), n)
	}
	runtime.KeepAlive(s)
}

// whole is a value of the size that all have.
func (s *Set) whole(value []byte) []byte {
	if len(value) >= s.values {
		return value[:s.values]
	}
	return append(make([]byte, 0, s.values), value...)[:s.values]
}

// Expire forgets ids that do not count any more, the oldest ones first and at most so
// many, and says how many of them were less than the window old: too many came after
// them.
func (s *Set) Expire(most int) (early int) {
	if s.queue.len() == 0 {
		return 0
	}
	edge := s.oldest(s.Time(0))
	for ; s.queue.len() > 0 && most > 0; most-- {
		inTime := timeOf(s.queue.at(s.queue.first)) > edge.after
		if inTime && s.queue.first >= edge.from {
			break
		}
		if inTime {
			early++
		}
		s.queue.popFront()
	}
	runtime.KeepAlive(s)
	return early
}

// Undo takes back the newest ids, so that the next one gets that number.
func (s *Set) Undo(next uint64) {
	for s.queue.next > max(next, s.queue.first) {
		last := s.queue.next - 1
		s.index.remove(idOf(s.queue.at(last)), last)
		s.queue.popBack()
	}
	runtime.KeepAlive(s)
}

// Restore adds an id before the oldest one: one that was forgotten. The oldest must not
// have number 0, and a time that is no earlier.
func (s *Set) Restore(id ID, at int64, value []byte) {
	fill(s.queue.pushFront(), id, at, s.whole(value))
	s.index.restore(id, s.queue.first)
	runtime.KeepAlive(s)
}
