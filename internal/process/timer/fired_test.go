package timer

import (
	"errors"
	"testing"
	"time"
)

func TestItIsKnownUpToWhenTimersHaveFired(t *testing.T) {
	s, began := newMemory(), noon.Add(-time.Hour)
	q := open(t, s, Config{Now: began})
	ms := func(at time.Time) int64 { return at.UnixMilli() }
	want := func(what string, now time.Time, through, last time.Time, exact bool) {
		t.Helper()
		if f := q.Fired(now); f.Through.Wall != ms(through) || f.Last.Wall != ms(last) || f.Exact() != exact {
			t.Errorf("%s: %+v, exact: %t; want %d and %d, %t", what, f, f.Exact(), ms(through), ms(last), exact)
		}
	}
	want("nothing is set", noon, noon, began, true)
	for _, key := range []string{"a", "b"} {
		set(t, q, s, wall(key, "", noon))
	}
	set(t, q, s, wall("c", "", noon.Add(time.Minute)))
	want("nothing was due", noon.Add(-time.Second), noon.Add(-time.Second), began, true)
	want("due, and not fired", noon, noon.Add(-time.Millisecond), began, true)
	if _, ok, err := q.Take(s, noon); !ok || err != nil {
		t.Fatal(ok, err)
	}
	want("one of two of one moment", noon, noon.Add(-time.Millisecond), noon, false)
	if _, ok, err := q.Take(s, noon); !ok || err != nil {
		t.Fatal(ok, err)
	}
	want("both", noon.Add(time.Second), noon.Add(time.Second), noon, true)
	set(t, q, s, wall("d", "", noon.Add(-time.Minute)))
	want("one that is set to be due before others that have fired", noon.Add(time.Second), noon.Add(-time.Minute-time.Millisecond), noon, false)
}

// Who opens the queue does not know what was fired before, up to then.
func TestTimersThatWereDueWhenTheQueueWasOpenedMayHaveFiredInPart(t *testing.T) {
	s := newMemory()
	q := open(t, s, Config{})
	set(t, q, s, wall("a", "", noon))
	s.commit()
	q = open(t, s, Config{Now: noon.Add(time.Second)})
	if f := q.Fired(noon.Add(time.Second)); f.Exact() {
		t.Errorf("%+v is exact", f)
	}
}

func TestACutIsPassedOnceAndNoOtherOne(t *testing.T) {
	s, cut := newMemory(), Cut{Wall: 5, Event: 7}
	if passed, err := HasPassed(s, cut); passed || err != nil {
		t.Errorf("passed: %t, %v", passed, err)
	}
	if err := Pass(s, cut); err != nil {
		t.Fatal(err)
	}
	for c, want := range map[Cut]bool{cut: true, {}: false, {Wall: 5}: false, {Wall: 7, Event: 5}: false} {
		if passed, err := HasPassed(s, c); passed != want || err != nil {
			t.Errorf("%+v is passed: %t, %v", c, passed, err)
		}
	}
	for value, want := range map[string]error{"\x01short": ErrCorrupt, "": ErrCorrupt, "\x02later": ErrVersion} {
		s.now[string([]byte{keyCut})] = value
		if _, err := HasPassed(s, cut); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", value, err, want)
		}
	}
}

// Invariants: whatever is read is written the same, and nothing below 0 is.
func FuzzFiredIsReadAsItWasWritten(f *testing.F) {
	for _, seed := range []string{"fired:1:2:3:4", "fired:0:0:0:0", "fired:1:2:3", "fired:-1:2:3:4", "fired:01:2:3:4", "fired:1:2:3:4:5", "changelog:0:1", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		fired, ok := ParseFired(text)
		if !ok {
			if fired != (Fired{}) {
				t.Errorf("%q is nothing, and gives %+v", text, fired)
			}
			return
		}
		if again, ok := ParseFired(fired.String()); !ok || again != fired {
			t.Errorf("%q gives %+v, and that %+v, %t", text, fired, again, ok)
		}
		if fired.Through.Wall < 0 || fired.Last.Event < 0 {
			t.Errorf("%q gives %+v", text, fired)
		}
	})
}
