package timer

import (
	"fmt"
	"time"
)

// maxAhead is how far ahead of the wall clock a timestamp may be. One that is further
// ahead is a mistake, such as microseconds taken for milliseconds; if it counted, event
// time would stand still for years, and everything else be late.
const maxAhead = 24 * time.Hour

// Observe takes note of the timestamp of a record that the task has seen. One that is
// more than a day ahead of the wall clock, now, does not count.
func (q *Queue) Observe(timestamp, now time.Time) {
	if timestamp.IsZero() || timestamp.UnixMilli() < 0 || timestamp.After(now.Add(maxAhead)) {
		return
	}
	q.event = max(q.event, timestamp.UnixMilli()-q.lateness.Milliseconds())
}

// EventTime is the latest timestamp seen less the lateness, or zero if there is none.
// It never goes back.
func (q *Queue) EventTime() time.Time {
	if q.event == never {
		return time.Time{}
	}
	return time.UnixMilli(q.event).UTC()
}

// Save puts event time into the store, if it has changed: once, at the end of a step.
func (q *Queue) Save(s Store) error {
	if q.event == q.saved {
		return nil
	}
	if err := s.Put([]byte{keyEvent}, appendMillis([]byte{version}, q.event)); err != nil {
		return fmt.Errorf("save event time: %w", err)
	}
	q.saved = q.event
	return nil
}

// loadEventTime begins with the event time that is in the store.
func (q *Queue) loadEventTime(s Store) error {
	q.event = never
	value, ok, err := s.Get([]byte{keyEvent})
	if err == nil && ok {
		q.event, err = parseValue(value)
	}
	if err != nil {
		return fmt.Errorf("load event time: %w", err)
	}
	q.saved, q.durable = q.event, q.event
	return nil
}
