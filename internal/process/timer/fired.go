package timer

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Cut is a moment by both clocks of a task, in milliseconds since 1970; 0 is before
// everything. It lies between the timers that one version of a processor fires and those that
// the version fires that continues it.
type Cut struct {
	Wall  int64 `json:"wall,omitempty"`
	Event int64 `json:"event,omitempty"`
}

func (c Cut) of(clock Clock) int64 {
	if clock == EventClock {
		return c.Event
	}
	return c.Wall
}

// Within tells whether a timer is due at the cut or before it.
func (c Cut) Within(t Timer) bool { return t.At.UnixMilli() <= c.of(t.Clock) }

// After tells whether the cut is later than another one by either clock.
func (c Cut) After(other Cut) bool { return c.Wall > other.Wall || c.Event > other.Event }

// Fired is how far the timers of a task have fired.
type Fired struct {
	// Through: all that were due by then have.
	Through Cut
	// Last: none that was due later has.
	Last Cut
}

// Exact tells whether Through is a cut: all timers up to it have fired, and none after it.
// Without, timers of one moment have fired in part, or some that were set to a time long past
// are still to.
func (f Fired) Exact() bool { return !f.Last.After(f.Through) }

const firedMark = "fired:"

// String is f as it is committed with a position (docs/format/processor-group.md).
func (f Fired) String() string {
	return fmt.Sprintf("%s%d:%d:%d:%d", firedMark, f.Through.Wall, f.Through.Event, f.Last.Wall, f.Last.Event)
}

// ParseFired reads what String gives; ok is false of anything else.
func ParseFired(text string) (f Fired, ok bool) {
	rest, ok := strings.CutPrefix(text, firedMark)
	if !ok {
		return Fired{}, false
	}
	var n [4]int64
	parts := strings.Split(rest, ":")
	if len(parts) != len(n) {
		return Fired{}, false
	}
	for i, part := range parts {
		var err error
		if n[i], err = strconv.ParseInt(part, 10, 64); err != nil || n[i] < 0 {
			return Fired{}, false
		}
	}
	return Fired{Through: Cut{n[0], n[1]}, Last: Cut{n[2], n[3]}}, true
}

// Fired is how far timers have fired, by the step under way: since the queue was opened, and
// before that up to the time that Config says.
func (q *Queue) Fired(now time.Time) Fired {
	return Fired{
		Through: Cut{q.through(WallClock, now), q.through(EventClock, now)},
		Last:    Cut{max(0, q.lines[WallClock].fired), max(0, q.lines[EventClock].fired)},
	}
}

// through is up to when all timers of a clock have fired.
func (q *Queue) through(c Clock, now time.Time) int64 {
	at := q.time(c, now)
	if due, ok := q.lines[c].next(); ok {
		at = min(at, dueAt(due)-1)
	}
	return max(0, at)
}

// Raise moves event time on to a cut, as the task did from which the cut is.
func (q *Queue) Raise(to Cut) {
	if to.Event > 0 {
		q.event = max(q.event, to.Event)
	}
}

// HasPassed tells whether the task has passed a cut: its timers are its own from then on.
func HasPassed(s Store, cut Cut) (bool, error) {
	value, ok, err := s.Get([]byte{keyCut})
	if err != nil || !ok {
		return false, err
	}
	if err := checkVersion(value); err != nil {
		return false, err
	}
	if len(value) != 17 {
		return false, fmt.Errorf("%w: the entry of a cut has %d bytes: want 17", ErrCorrupt, len(value))
	}
	return Cut{parseMillis(value[1:9]), parseMillis(value[9:])} == cut, nil
}

// Pass notes that the task has passed a cut.
func Pass(s Store, cut Cut) error {
	if err := s.Put([]byte{keyCut}, appendMillis(appendMillis([]byte{version}, cut.Wall), cut.Event)); err != nil {
		return fmt.Errorf("pass the cut %+v: %w", cut, err)
	}
	return nil
}
