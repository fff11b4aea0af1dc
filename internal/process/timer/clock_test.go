package timer

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// A worker fires the timers of a queue as they come due, by a wall clock that can be set.
type worker struct {
	store *memory
	queue *Queue
	shift time.Duration // how far the clock was set
	fired map[string]time.Duration
}

func (w *worker) now() time.Time { return time.Now().Add(w.shift) }

// work fires timers for a while by the clock on the wall that nobody sets.
func (w *worker) work(t *testing.T, during time.Duration) {
	t.Helper()
	for end := time.Now().Add(during); ; {
		w.fire(t)
		wait, ok := w.queue.Wait(w.now())
		left := time.Until(end)
		if left <= 0 {
			return
		}
		if !ok || wait > left {
			wait = left
		}
		time.Sleep(wait)
	}
}

func (w *worker) fire(t *testing.T) {
	t.Helper()
	for {
		timer, ok, err := w.queue.Take(w.store, w.now())
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return
		}
		if _, twice := w.fired[timer.Name]; twice {
			t.Errorf("timer %s fired twice", timer.Name)
		}
		w.fired[timer.Name] = w.now().Sub(timer.At)
	}
}

func newWorker(t *testing.T, minutes int) *worker {
	w := &worker{store: newMemory(), fired: map[string]time.Duration{}}
	w.queue = open(t, w.store, Config{Memory: 4000})
	for m := range minutes {
		set(t, w.queue, w.store, wall("k", fmt.Sprint(m), time.Now().Add(time.Duration(m)*time.Minute)))
	}
	return w
}

func TestTimersFireAtTheirTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorker(t, 180)
		w.work(t, 3*time.Hour)
		for name, late := range w.fired {
			if late != 0 {
				t.Errorf("timer %s fired %v late", name, late)
			}
		}
		if len(w.fired) != 180 {
			t.Errorf("%d timers fired, want 180", len(w.fired))
		}
	})
}

func TestAClockThatIsSetLosesNoTimerAndFiresNoneTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorker(t, 360)
		w.work(t, time.Hour)
		for _, set := range []struct {
			shift time.Duration
			fired int // after half an hour more
		}{
			{2 * time.Hour, 211},  // at 3:00 to 3:30
			{-3 * time.Hour, 211}, // at 0:30 to 1:00: nothing new
			{-7 * time.Hour, 211}, // before anything was set
			{4 * time.Hour, 360},  // at 6:30
		} {
			w.shift = set.shift
			w.work(t, maxWait) // it is seen by then
			w.work(t, 30*time.Minute-maxWait)
			if len(w.fired) != set.fired {
				t.Errorf("%d timers fired with the clock set by %v, want %d", len(w.fired), set.shift, set.fired)
			}
		}
		if len(w.store.now) != 0 {
			t.Errorf("%d entries are left", len(w.store.now))
		}
	})
}

func TestAClockSetForwardIsSeenWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newMemory()
		q := open(t, s, Config{})
		if _, ok := q.Wait(time.Now()); ok {
			t.Error("there is something to wait for without timers")
		}
		set(t, q, s, wall("k", "", time.Now().Add(time.Hour)))
		if wait, ok := q.Wait(time.Now()); wait != time.Second || !ok {
			t.Errorf("waiting for %v (%v) an hour before the timer, want 1s", wait, ok)
		}
		if wait, _ := q.Wait(time.Now().Add(time.Hour - time.Millisecond)); wait != time.Millisecond {
			t.Errorf("waiting for %v a millisecond before the timer", wait)
		}
		if wait, ok := q.Wait(time.Now().Add(2 * time.Hour)); wait != 0 || !ok {
			t.Errorf("waiting for %v (%v) an hour after the timer, want 0", wait, ok)
		}
	})
}
