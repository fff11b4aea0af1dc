package timer

import (
	"testing"
	"time"
)

func TestEventTimeIsTheLatestTimestampLessLateness(t *testing.T) {
	s := newMemory()
	q := open(t, s, Config{Lateness: time.Minute})
	if !q.EventTime().IsZero() || q.Ready(noon) {
		t.Errorf("before any record event time is %v", q.EventTime())
	}
	set(t, q, s, event("k", "", noon))
	q.Observe(noon.Add(time.Minute-time.Millisecond), noon)
	wantFired(t, take(t, q, s, noon))
	q.Observe(noon.Add(time.Minute), noon)
	q.Observe(noon.Add(-time.Hour), noon) // late: nothing goes back
	if got := q.EventTime(); !got.Equal(noon) {
		t.Errorf("event time is %v, want %v", got, noon)
	}
	wantFired(t, take(t, q, s, noon), "1 k/ 12:00:00.000")
}

func TestEventTimeNeverGoesBack(t *testing.T) {
	s := newMemory()
	q := open(t, s, Config{Lateness: time.Minute})
	q.Observe(noon, noon)
	if err := q.Save(s); err != nil {
		t.Fatal(err)
	}
	s.commit()
	q.Committed()
	// Restarted, with another lateness.
	q = open(t, s, Config{Lateness: time.Hour})
	q.Observe(noon.Add(time.Second), noon)
	if got, want := q.EventTime(), noon.Add(-time.Minute); !got.Equal(want) {
		t.Errorf("event time is %v after the restart, want %v", got, want)
	}
}

func TestEventTimeOfAnAbortedStepIsUndoneAndSavedOnlyWhenItChanges(t *testing.T) {
	s := newMemory()
	q := open(t, s, Config{})
	q.Observe(noon, noon)
	if err := q.Save(s); err != nil {
		t.Fatal(err)
	}
	s.abort()
	q.Aborted()
	if !q.EventTime().IsZero() {
		t.Errorf("event time is %v after the step was aborted", q.EventTime())
	}
	q.Observe(noon, noon)
	if err := q.Save(s); err != nil {
		t.Fatal(err)
	}
	if len(s.now) != 1 {
		t.Errorf("the store has %q, want event time", s.now)
	}
	s.commit()
	q.Committed()
	clear(s.now)
	if err := q.Save(s); err != nil || len(s.now) != 0 {
		t.Errorf("event time that did not change was saved again: %v, %q", err, s.now)
	}
}

func TestTimestampsThatCannotBeTrueDoNotCount(t *testing.T) {
	q := open(t, newMemory(), Config{})
	for _, bad := range []time.Time{
		{}, time.UnixMilli(-1), noon.Add(25 * time.Hour), time.UnixMilli(noon.UnixMicro()), // microseconds
	} {
		q.Observe(bad, noon)
		if !q.EventTime().IsZero() {
			t.Fatalf("timestamp %v set event time to %v", bad, q.EventTime())
		}
	}
	q.Observe(noon.Add(time.Hour), noon)
	if got, want := q.EventTime(), noon.Add(time.Hour); !got.Equal(want) {
		t.Errorf("event time is %v, want %v", got, want)
	}
}
