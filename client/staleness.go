package client

import "time"

// Staleness is how old what a table says may be.
type Staleness struct {
	// AsOf is a time, by the clock of this program, at which there was nothing committed
	// in the topic that the table does not have; zero if there was none yet. It moves
	// with each look at the topic's end ([Refresh]) that the table has reached.
	AsOf time.Time
	// Behind is how many offsets were committed at the last look that the table does not
	// have yet.
	Behind int64
	// Err is why the table does not move, if something is wrong: no broker, no topic, no
	// right to read, [ErrTableFull], [ErrClosed].
	Err error
}

// Age is how long ago AsOf was; false if the table was never complete.
func (s Staleness) Age(now time.Time) (time.Duration, bool) {
	if s.AsOf.IsZero() {
		return 0, false
	}
	return now.Sub(s.AsOf), true
}

// Staleness says how old what the table says may be.
func (t *Table[T]) Staleness() Staleness {
	t.tail.mu.Lock()
	defer t.tail.mu.Unlock()
	return Staleness{AsOf: t.tail.mu.asOf, Behind: behind(t.tail.mu.looked, t.tail.mu.next), Err: t.tail.mu.err}
}
