package monitor

import (
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"
)

// A clock that people set, beside one that nobody does.
func setBy(offset *time.Duration) func(*Config) {
	return func(c *Config) { c.Now = func() time.Time { return time.Now().Round(0).Add(*offset) } }
}

// Each round is a process of its own, which has nothing but the time of day.
func TestAStallIsFoundThoughTheClockWasSetBack(t *testing.T) {
	within(t, func(t *testing.T) {
		n := newNode(t)
		w := follow(t, n)
		offset := time.Duration(0)
		w.reopen(setBy(&offset))
		w.good()
		n.fail.Store(502)
		w.passing("502")
		offset = -24 * time.Hour
		w.reopen(setBy(&offset))
		w.passing("502")
		time.Sleep(DefaultStalledAfter)
		w.reopen(setBy(&offset))
		w.alarm(Stalled, "502")
	})
}

// A monitor that runs measures with the clock that nobody sets.
func TestADayThatPassesAtOnceIsNoStall(t *testing.T) {
	within(t, func(t *testing.T) {
		n := newNode(t)
		w := follow(t, n)
		w.running = w.cfg.Now()
		time.Sleep(time.Hour)
		w.good()
		n.fail.Store(502)
		w.passing("502")
		w.state.quiet -= (24 * time.Hour).Milliseconds() // as seen from a day later
		w.passing("502")
		n.fail.Store(0)
		w.good()
	})
}

// A log whose clock was ahead, and set right, is quiet: what it signs now cannot be
// told from what it signed before. The alarm says so, and growth ends it.
func TestALogWhoseClockWasAheadIsSaidToBe(t *testing.T) {
	within(t, func(t *testing.T) {
		n := newNode(t)
		n.produce(origin(1, 0), 5, "order")
		w := follow(t, n)
		w.good()
		w.state.stamp = time.Now().Add(time.Hour).Unix()
		w.good()
		time.Sleep(DefaultStalledAfter)
		w.alarm(Stalled, "is still to come: was its clock ahead, and set back?")
		n.produce(origin(1, 0), 5, "order")
		w.good()
		time.Sleep(DefaultStalledAfter)
		n.produce(origin(1, 0), 5, "order")
		w.good()
	})
}

// A server that gives each answer just in time holds the monitor up no longer
// than it may, and that is no sign of life.
func TestAServerThatDripsIsAStall(t *testing.T) {
	within(t, func(t *testing.T) {
		n := newNode(t)
		for range 3000 {
			n.head("unknown/kind/v1", n.treeHead(origin(0, 0)))
		}
		w := follow(t, n)
		n.alter = func(path string, body []byte) []byte {
			if strings.Contains(path, "/tile/") {
				time.Sleep(5 * time.Minute)
			}
			return body
		}
		before := time.Now()
		ctx := t.Context()
		err := w.Run(ctx)
		var a *Alarm
		if !errors.As(err, &a) || a.Type != Stalled || !strings.Contains(err.Error(), "took longer than 10m0s") {
			t.Errorf("got %v", err)
		}
		if took := time.Since(before); took > time.Hour {
			t.Errorf("it took %v", took)
		}
	})
}

// Whatever is served, the monitor does not fall over, believes nothing of it, and
// goes on with the log when that is back.
func TestGarbageIsNotBelieved(t *testing.T) {
	within(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(1, 2))
		var mu sync.Mutex // tiles are asked for side by side
		for range 12 {
			n := newNode(t)
			n.signers = n.signers[:1]
			n.produce(origin(1, 0), 300, "order")
			w := follow(t, n)
			w.good()
			n.produce(origin(1, 0), 300, "order")
			n.alter = func(_ string, body []byte) []byte {
				mu.Lock()
				defer mu.Unlock()
				switch rng.IntN(4) {
				case 0:
					return body
				case 1:
					return body[:rng.IntN(len(body)+1)]
				case 2:
					return append(body, body...)
				}
				altered := append([]byte{}, body...)
				for i := range altered {
					altered[i] = byte(rng.Uint32())
				}
				return altered
			}
			for range 5 {
				var a *Alarm
				if err := w.Once(t.Context()); errors.As(err, &a) && a.Type != Altered && a.Type != Stalled {
					t.Fatalf("a false alarm: %v", err)
				}
			}
			n.alter = nil
			w.good()
		}
	})
}
