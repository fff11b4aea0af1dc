package timer

import (
	"bytes"
	"fmt"
	"iter"
	"time"
)

// Config configures a queue.
type Config struct {
	// Lateness is how far event time is behind the latest timestamp seen.
	Lateness time.Duration
	// Memory is about how many bytes the timers in memory may take up. 0 is 1 MiB.
	Memory int
	// Now is the wall clock's time: timers due by then may have fired before the queue was
	// opened, and no later ones.
	Now time.Time
}

// A Queue has the timers of one task, and its event time. It is not safe for concurrent
// use. The store that it is given is the same each time; what the step has not committed
// yet is undone in both: Undo and Aborted are called when the same is done to the store,
// Committed when the step has been committed. After an error of the store a step must be
// aborted.
type Queue struct {
	lines    [clocks]line
	log      []change // what the step under way has changed
	lateness time.Duration
	event    int64  // event time, or never
	saved    int64  // the same, as it is in the store with the step under way
	durable  int64  // the same, as it was when the step began
	buf      []byte // of keys and values given to the store
	id       []byte // the identity of the timer that is handled
}

// A change is how a timer was before the step did something to it.
type change struct {
	clock Clock
	id    string
	was   int64
	set   bool // it was set, to be due at was
}

// Open makes the queue of a task from what is in its store: when the task is taken on,
// and again when the store was changed by others. No step is under way.
func Open(s Store, cfg Config) (*Queue, error) {
	if cfg.Memory == 0 {
		cfg.Memory = 1 << 20
	}
	q := &Queue{lateness: cfg.Lateness}
	if err := q.loadEventTime(s); err != nil {
		return nil, err
	}
	for c := range q.lines {
		q.lines[c] = line{byID: make(map[string]*item), budget: cfg.Memory / clocks, fired: q.time(Clock(c), cfg.Now)}
		if err := q.fill(s, Clock(c)); err != nil {
			return nil, err
		}
	}
	return q, nil
}

// Set sets a timer; one of the same clock, key and name is moved.
func (q *Queue) Set(s Store, t Timer) error {
	at, err := t.millis()
	if err != nil {
		return err
	}
	was, set, err := q.lookUp(s, t)
	if err != nil || set && was == at {
		return err
	}
	q.note(t.Clock, was, set)
	if set {
		if err := s.Delete(q.dueKey(t.Clock, was)); err != nil {
			return fmt.Errorf("move timer %q of key %q: %w", t.Name, t.Key, err)
		}
	}
	if err := s.Put(q.dueKey(t.Clock, at), []byte{version}); err != nil {
		return fmt.Errorf("set timer %q of key %q: %w", t.Name, t.Key, err)
	}
	if err := s.Put(q.identityKey(t.Clock), appendMillis([]byte{version}, at)); err != nil {
		return fmt.Errorf("set timer %q of key %q: %w", t.Name, t.Key, err)
	}
	q.place(t.Clock, at, true)
	return nil
}

// Stop takes a timer back, if it is set; its time is not looked at.
func (q *Queue) Stop(s Store, t Timer) error {
	was, set, err := q.lookUp(s, t)
	if err != nil || !set {
		return err
	}
	return q.unset(s, t.Clock, was)
}

// Take takes the timer that is due first out of the queue, if one is due: on the wall
// clock by now, or in event time. Timers come in the order of their times, then keys,
// then names; of two at the same time the wall clock's is first.
func (q *Queue) Take(s Store, now time.Time) (t Timer, ok bool, err error) {
	var first string
	var clock Clock
	for c := range Clock(clocks) {
		due, is, err := q.dueFirst(s, c, q.time(c, now))
		if err != nil {
			return Timer{}, false, err
		}
		if is && (!ok || dueAt(due) < dueAt(first)) {
			first, clock, ok = due, c, true
		}
	}
	if !ok {
		return Timer{}, false, nil
	}
	if t, err = parseDue(clock, first); err != nil {
		return Timer{}, false, err
	}
	q.id = append(q.id[:0], first[8:]...)
	q.lines[clock].fired = max(q.lines[clock].fired, dueAt(first))
	return t, true, q.unset(s, clock, dueAt(first))
}

// Ready reports whether Take has something to look at: there may be a timer due.
func (q *Queue) Ready(now time.Time) bool {
	for c := range Clock(clocks) {
		if due, ok := q.lines[c].next(); ok && dueAt(due) <= q.time(c, now) {
			return true
		}
	}
	return false
}

// All goes through the timers that are set, as the step under way sees them: the wall
// clock's first, each clock's in the order in which they are due. The last pair may be an
// error.
func All(s Store) iter.Seq2[Timer, error] {
	return func(yield func(Timer, error) bool) {
		for c := range Clock(clocks) {
			from := []byte{keyDue, byte(c)}
			for e, err := range s.Range(from, []byte{keyDue, byte(c) + 1}) {
				var t Timer
				if err == nil {
					t, err = parseDue(c, string(e.Key[len(from):]))
				}
				if !yield(t, err) || err != nil {
					return
				}
			}
		}
	}
}

// maxWait is how soon a wall clock that was set is noticed.
const maxWait = time.Second

// Wait is how long it takes until a timer may be due if nothing happens meanwhile: a
// second at most, since the wall clock may be set. ok is false if no timer of the wall
// clock is set.
func (q *Queue) Wait(now time.Time) (wait time.Duration, ok bool) {
	due, ok := q.lines[WallClock].next()
	if !ok {
		return 0, false
	}
	left := time.UnixMilli(dueAt(due)).Sub(now.Round(0)) // Round: by what the clock shows
	return min(max(left, 0), maxWait), true
}

// time is what a clock shows, in milliseconds since 1970.
func (q *Queue) time(c Clock, now time.Time) int64 {
	if c == EventClock {
		return q.event
	}
	return now.UnixMilli()
}

// dueFirst is the first due of a clock, if that is at a time or before it.
func (q *Queue) dueFirst(s Store, c Clock, at int64) (due string, ok bool, err error) {
	l := &q.lines[c]
	if len(l.first) == 0 && !l.all && dueAt(l.end) <= at {
		if err := q.fill(s, c); err != nil {
			return "", false, err
		}
	}
	if len(l.first) == 0 {
		return "", false, nil
	}
	due = l.first[0].due
	return due, dueAt(due) <= at, nil
}

// fillMost is how many timers are read at once: all timers that are due wait meanwhile, and
// so do the other tasks of the worker.
const fillMost = 512

// fill reads the timers that follow an empty line, up to half of its budget.
func (q *Queue) fill(s Store, c Clock) error {
	l := &q.lines[c]
	from := append([]byte{keyDue, byte(c)}, l.end...)
	for e, err := range s.Range(from, []byte{keyDue, byte(c) + 1}) {
		if err != nil {
			return fmt.Errorf("read timers of the %v: %w", c, err)
		}
		if err := checkVersion(e.Value); err != nil {
			return err
		}
		due := string(bytes.TrimPrefix(e.Key, from[:2]))
		if _, err := parseDue(c, due); err != nil {
			return err
		}
		if l.byID[due[8:]] != nil { // taking it would leave the other, due for ever
			return fmt.Errorf("%w: a timer of the %v is due at two times, the later one %d", ErrCorrupt, c, dueAt(due))
		}
		if len(l.first) == fillMost || len(l.first) > 0 && l.size > l.budget/2 {
			l.end = due
			return nil
		}
		l.push(due)
	}
	l.all = true
	return nil
}
