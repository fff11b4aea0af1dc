// Package timer keeps the timers of a task: which are set, and which is due next. They
// are entries of a keyed state, so that they are durable, fenced, restored and moved
// with the task, and only those due soon are in memory as well. It runs nothing and has
// no clock: whoever runs the task asks it what is due. docs/format/timers.md has the
// entries.
package timer

import (
	"errors"
	"fmt"
	"iter"
	"time"
)

// Clock is what a timer goes by.
type Clock uint8

const (
	// WallClock is the node's clock.
	WallClock Clock = iota
	// EventClock is the event time of the task.
	EventClock

	clocks = iota
)

// String is how errors call the clock.
func (c Clock) String() string {
	switch c {
	case WallClock:
		return "wall clock"
	case EventClock:
		return "event time"
	}
	return fmt.Sprintf("clock %d", uint8(c))
}

// A Timer has the code called at a time. Within a task, clock, key and name tell it
// from others. It is durable, and moves with its task.
type Timer struct {
	Clock Clock
	Key   []byte
	Name  string
	// At is when it is due, to the millisecond: never before it, and at once if it is
	// past.
	At time.Time
}

// A Store is the keyed state that the timers of a task are in, and nothing else: what
// the step under way has done is seen, and can be undone. Slices that it gives are valid
// until the next call; those that it is given are not kept.
type Store interface {
	Get(key []byte) (value []byte, ok bool, err error)
	Put(key, value []byte) error
	Delete(key []byte) error
	Range(from, to []byte) iter.Seq2[struct{ Key, Value []byte }, error]
}

// StoreName is what the store of timers is called among the stores of a processor. No
// processor can have one of that name of its own.
const StoreName = "~timers"

// MaxIdentity is how long key and name of a timer may be together, in bytes.
const MaxIdentity = 64 << 10

var (
	// ErrInvalid is wrapped by errors about timers that cannot be set.
	ErrInvalid = errors.New("invalid timer")
	// ErrCorrupt is wrapped by errors about entries that this package cannot have written.
	ErrCorrupt = errors.New("corrupt timers")
	// ErrVersion is wrapped by errors about entries of a later version of the format.
	ErrVersion = errors.New("timers of a later version")
)

// validIdentity says what is wrong with the clock, key and name of a timer.
func (t Timer) validIdentity() error {
	if t.Clock >= clocks {
		return fmt.Errorf("%w: %v: must be %d or %d", ErrInvalid, t.Clock, WallClock, EventClock)
	}
	if n := len(t.Key) + len(t.Name); n > MaxIdentity {
		return fmt.Errorf("%w: key and name have %d bytes together: at most %d are allowed", ErrInvalid, n, MaxIdentity)
	}
	return nil
}

// millis is when the timer is due in milliseconds since 1970, rounded up, so that it
// never fires early.
func (t Timer) millis() (int64, error) {
	if t.At.IsZero() {
		return 0, fmt.Errorf("%w: timer %q of key %q has no time", ErrInvalid, t.Name, t.Key)
	}
	if y := t.At.UTC().Year(); y < 0 || y > 9999 {
		return 0, fmt.Errorf("%w: timer %q of key %q is due in the year %d: must be 0 to 9999", ErrInvalid, t.Name, t.Key, y)
	}
	ms := t.At.UnixMilli()
	if t.At.After(time.UnixMilli(ms)) {
		ms++
	}
	return ms, nil
}
