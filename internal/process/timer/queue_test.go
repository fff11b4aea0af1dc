package timer

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func wall(key, name string, at time.Time) Timer {
	return Timer{Clock: WallClock, Key: []byte(key), Name: name, At: at}
}

func event(key, name string, at time.Time) Timer {
	return Timer{Clock: EventClock, Key: []byte(key), Name: name, At: at}
}

func open(t testing.TB, s Store, cfg Config) *Queue {
	t.Helper()
	q, err := Open(s, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func set(t testing.TB, q *Queue, s Store, timers ...Timer) {
	t.Helper()
	for _, timer := range timers {
		if err := q.Set(s, timer); err != nil {
			t.Fatal(err)
		}
	}
}

// take takes all that is due, and returns it as text.
func take(t testing.TB, q *Queue, s Store, now time.Time) (fired []string) {
	t.Helper()
	for {
		timer, ok, err := q.Take(s, now)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return fired
		}
		fired = append(fired, text(timer))
	}
}

func text(t Timer) string {
	return fmt.Sprintf("%d %s/%s %s", t.Clock, t.Key, t.Name, t.At.UTC().Format("15:04:05.000"))
}

func wantFired(t testing.TB, got []string, want ...string) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("fired %q, want %q", got, want)
	}
}

func TestTimersComeInTheOrderOfTimeKeyName(t *testing.T) {
	s := newMemory()
	q := open(t, s, Config{})
	set(t, q, s,
		wall("b", "x", noon), wall("a", "y", noon), wall("a", "x", noon), wall("a\x00", "w", noon),
		wall("", "", noon), wall("z", "z", noon.Add(-time.Hour)), wall("c", "late", noon.Add(time.Millisecond)),
		wall("old", "", time.Date(1969, 1, 1, 0, 0, 0, 0, time.UTC)),
	)
	wantFired(t, take(t, q, s, noon),
		"0 old/ 00:00:00.000", "0 z/z 11:00:00.000", "0 / 12:00:00.000", "0 a/x 12:00:00.000", "0 a/y 12:00:00.000",
		"0 a\x00/w 12:00:00.000", "0 b/x 12:00:00.000")
	wantFired(t, take(t, q, s, noon))
	wantFired(t, take(t, q, s, noon.Add(time.Millisecond)), "0 c/late 12:00:00.001")
	if len(s.now) != 0 {
		t.Errorf("%d entries are left of timers that fired: %q", len(s.now), s.now)
	}
}

func TestATimerNeverFiresBeforeItsTime(t *testing.T) {
	s := newMemory()
	q := open(t, s, Config{})
	set(t, q, s, wall("k", "", noon.Add(time.Microsecond)))
	wantFired(t, take(t, q, s, noon.Add(time.Millisecond-1)))
	wantFired(t, take(t, q, s, noon.Add(time.Millisecond)), "0 k/ 12:00:00.001")
}

func TestSettingAgainMovesAndStoppingTakesBack(t *testing.T) {
	s := newMemory()
	q := open(t, s, Config{})
	set(t, q, s, wall("k", "n", noon), wall("k", "n", noon.Add(time.Hour)), wall("k", "m", noon), event("k", "m", noon))
	if err := q.Stop(s, wall("k", "m", time.Time{})); err != nil {
		t.Fatal(err)
	}
	if err := q.Stop(s, wall("k", "never set", time.Time{})); err != nil {
		t.Fatal(err)
	}
	wantFired(t, take(t, q, s, noon))
	set(t, q, s, wall("k", "n", noon.Add(time.Minute)))
	wantFired(t, take(t, q, s, noon.Add(time.Minute)), "0 k/n 12:01:00.000")
	q.Observe(noon, noon)
	wantFired(t, take(t, q, s, noon), "1 k/m 12:00:00.000") // of the other clock: not the one taken back
}

func TestOfTwoClocksTheEarlierTimerIsFirst(t *testing.T) {
	s := newMemory()
	q := open(t, s, Config{})
	q.Observe(noon, noon)
	set(t, q, s, event("a", "", noon), wall("b", "", noon), event("c", "", noon.Add(-1*time.Second)), wall("d", "", noon.Add(-2*time.Second)))
	wantFired(t, take(t, q, s, noon), "0 d/ 11:59:58.000", "1 c/ 11:59:59.000", "0 b/ 12:00:00.000", "1 a/ 12:00:00.000")
}

func TestWhatIsUndoneLeavesNoGhostAndNothingMissing(t *testing.T) {
	s := newMemory()
	q := open(t, s, Config{})
	set(t, q, s, wall("stays", "", noon), wall("moves", "", noon), wall("stops", "", noon))
	s.commit()
	q.Committed()

	mark := q.Savepoint()
	s.savepoint()
	set(t, q, s, wall("new", "", noon), wall("moves", "", noon.Add(-time.Hour)))
	if err := q.Stop(s, wall("stops", "", noon)); err != nil {
		t.Fatal(err)
	}
	wantFired(t, take(t, q, s, noon), "0 moves/ 11:00:00.000", "0 new/ 12:00:00.000", "0 stays/ 12:00:00.000")
	s.undo()
	q.Undo(mark)
	all := []string{"0 moves/ 12:00:00.000", "0 stays/ 12:00:00.000", "0 stops/ 12:00:00.000"}
	wantFired(t, take(t, q, s, noon), all...)
	s.abort()
	q.Aborted()
	wantFired(t, take(t, q, s, noon), all...)
	s.commit()
	q.Committed()
	q.Aborted() // nothing is left to undo
	wantFired(t, take(t, q, s, noon))
}

func TestTimersOutliveTheProcess(t *testing.T) {
	s := newMemory()
	q := open(t, s, Config{})
	set(t, q, s, wall("committed", "", noon))
	s.commit()
	q.Committed()
	set(t, q, s, wall("lost", "", noon))
	s.abort() // the process is killed
	wantFired(t, take(t, open(t, s, Config{}), s, noon), "0 committed/ 12:00:00.000")
}

func TestATimerThatCannotBeSetIsRefusedAndSaysWhy(t *testing.T) {
	s := newMemory()
	q := open(t, s, Config{})
	for _, bad := range []Timer{
		wall("k", "no time", time.Time{}),
		wall("k", "too late", time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)),
		wall(string(make([]byte, MaxIdentity)), "x", noon),
		{Clock: 7, Key: []byte("k"), At: noon},
	} {
		if err := q.Set(s, bad); !errors.Is(err, ErrInvalid) {
			t.Errorf("setting %.40q: %v, want %v", bad.Name, err, ErrInvalid)
		}
	}
	if err := q.Stop(s, Timer{Clock: 7}); !errors.Is(err, ErrInvalid) {
		t.Errorf("stopping a timer of clock 7: %v, want %v", err, ErrInvalid)
	}
	if len(s.now) != 0 || q.Savepoint() != 0 {
		t.Errorf("what was refused is stored: %q", s.now)
	}
}

func TestWhatTheStoreSaysIsPassedOn(t *testing.T) {
	s := newMemory()
	q := open(t, s, Config{})
	set(t, q, s, wall("k", "", noon))
	q.Observe(noon, noon)
	s.fails = errors.New("disk on fire")
	_, _, taking := q.Take(s, noon)
	_, opening := Open(s, Config{})
	for doing, err := range map[string]error{
		"set": q.Set(s, wall("l", "", noon)), "stop": q.Stop(s, wall("k", "", noon)),
		"take": taking, "save": q.Save(s), "open": opening,
	} {
		if !errors.Is(err, s.fails) {
			t.Errorf("%s: %v, want %v", doing, err, s.fails)
		}
	}
	s.fails = nil
	s.abort()
	q.Aborted()
	wantFired(t, take(t, q, s, noon))
}

// Whoever fires waits while timers are read, with all that are due.
func TestFewTimersAreReadAtOnce(t *testing.T) {
	s := newMemory()
	q := open(t, s, Config{})
	const all = 3 * fillMost
	for i := range all {
		set(t, q, s, wall(fmt.Sprint(i), "", noon.Add(time.Duration(i)*time.Millisecond)))
	}
	s.read = 0
	q = open(t, s, Config{Memory: 64 << 20})
	for ok := true; ok; {
		if s.read > fillMost+1 { // and one that tells where to go on
			t.Fatalf("%d timers were read to take one, and %d is the most", s.read, fillMost)
		}
		s.read = 0
		var err error
		if _, ok, err = q.Take(s, noon.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.now) != 0 {
		t.Errorf("%d entries are left of %d timers that fired", len(s.now), all)
	}
}
