package timer

import "fmt"

// A Mark is a place in the step under way.
type Mark int

// Savepoint marks what the step has done so far.
func (q *Queue) Savepoint() Mark { return Mark(len(q.log)) }

// Undo forgets what was done since a mark of the same step. Event time stays: the
// record has been seen.
func (q *Queue) Undo(m Mark) {
	for n := len(q.log) - 1; n >= int(m); n-- {
		c := q.log[n]
		q.id = append(q.id[:0], c.id...)
		q.place(c.clock, c.was, c.set)
	}
	clear(q.log[m:])
	q.log = q.log[:m]
}

// Aborted forgets what the step did, event time too: its records come again.
func (q *Queue) Aborted() {
	q.Undo(0)
	q.event, q.saved = q.durable, q.durable
}

// Committed says that what the step did is committed.
func (q *Queue) Committed() {
	clear(q.log)
	q.log = q.log[:0]
	q.durable = q.saved
}

// lookUp makes t the timer that is handled, and finds when it is due.
func (q *Queue) lookUp(s Store, t Timer) (at int64, set bool, err error) {
	if err := t.validIdentity(); err != nil {
		return 0, false, err
	}
	q.id = appendIdentity(q.id[:0], t.Key, t.Name)
	value, set, err := s.Get(q.identityKey(t.Clock))
	if err == nil && set {
		at, err = parseValue(value)
	}
	if err != nil {
		return 0, false, fmt.Errorf("look up timer %q of key %q: %w", t.Name, t.Key, err)
	}
	return at, set, nil
}

// unset removes the timer that is handled, which is due at a time.
func (q *Queue) unset(s Store, c Clock, at int64) error {
	q.note(c, at, true)
	if err := s.Delete(q.dueKey(c, at)); err != nil {
		return fmt.Errorf("remove a timer: %w", err)
	}
	if err := s.Delete(q.identityKey(c)); err != nil {
		return fmt.Errorf("remove a timer: %w", err)
	}
	q.place(c, 0, false)
	return nil
}

// note remembers how the timer that is handled was before it is changed.
func (q *Queue) note(c Clock, was int64, set bool) {
	q.log = append(q.log, change{c, string(q.id), was, set})
}

// place puts the timer that is handled where it belongs in memory.
func (q *Queue) place(c Clock, at int64, set bool) {
	l := &q.lines[c]
	l.remove(q.id)
	if set {
		q.buf = append(appendMillis(q.buf[:0], at), q.id...)
		l.add(string(q.buf))
	}
}

// dueKey is the key of the timer that is handled, by its due. It is valid until the
// next key is made.
func (q *Queue) dueKey(c Clock, at int64) []byte {
	q.buf = appendMillis(append(q.buf[:0], keyDue, byte(c)), at)
	q.buf = append(q.buf, q.id...)
	return q.buf
}

// identityKey is the key of the timer that is handled, by its identity.
func (q *Queue) identityKey(c Clock) []byte {
	q.buf = append(append(q.buf[:0], keyIdentity, byte(c)), q.id...)
	return q.buf
}
