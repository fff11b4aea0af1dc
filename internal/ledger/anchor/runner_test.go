package anchor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// A spot is an anchor of tests: a receipt counts how often it was gone on with,
// and is usable when the place is open.
type spot struct {
	open, down bool
	lose       bool
	stuck      bool            // goes on with nothing until the context ends
	bad        map[string]bool // checkpoints whose receipts fail
	submitted  []string
	upgrades   int
}

func (*spot) Kind() string { return "spot" }

func (s *spot) Submit(_ context.Context, checkpoint string) (Receipt, error) {
	if s.down {
		return Receipt{}, errors.New("down")
	}
	s.submitted = append(s.submitted, checkpoint)
	return Receipt{Data: []byte("for " + checkpoint)}, nil
}

func (s *spot) Upgrade(ctx context.Context, checkpoint string, r Receipt) (Receipt, error) {
	s.upgrades++
	if s.stuck {
		<-ctx.Done()
		return r, ctx.Err()
	}
	switch {
	case s.bad[checkpoint]:
		return r, errors.New("bad")
	case string(r.Data) != "for "+checkpoint:
		return r, fmt.Errorf("%w: %q is not for %q", ErrLost, r.Data, checkpoint)
	case s.lose:
		return r, ErrLost
	case s.down:
		return r, errors.New("down")
	case s.open:
		return Receipt{Final, r.Data}, nil
	}
	return r, nil
}

func (s *spot) Verify(checkpoint string, receipt []byte) error {
	if string(receipt) != "for "+checkpoint {
		return errors.New("another's")
	}
	return nil
}

// A world is a root log that grows by one each time, and a spot to anchor it.
type world struct {
	*spot
	runner *Runner
	store  *Store
	now    time.Time
	size   int64
	log    bytes.Buffer
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{spot: &spot{}, store: openStore(t, disk(t)), now: noon, size: 1}
	w.restart(t)
	return w
}

// restart makes another runner, as a node does that starts again.
func (w *world) restart(t *testing.T) {
	t.Helper()
	metrics, err := NewMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	w.runner = NewRunner(Config{
		Anchor: w.spot, Store: w.store, Interval: time.Hour, Metrics: metrics,
		Newest: func() (Checkpoint, error) { return checkpointOf(w.size), nil },
		Kept:   func(size int64) (Checkpoint, error) { return checkpointOf(size), nil },
		Logger: slog.New(slog.NewTextHandler(&w.log, nil)),
		Now:    func() time.Time { return w.now },
	})
}

func checkpointOf(size int64) Checkpoint { return Checkpoint{root(size), fmt.Sprint("note ", size)} }

// pass lets time pass, in steps of a minute.
func (w *world) pass(t *testing.T, d time.Duration) {
	t.Helper()
	for end := w.now.Add(d); w.now.Before(end); w.now = w.now.Add(time.Minute) {
		if err := w.runner.step(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestACheckpointAnIntervalIsAnchored(t *testing.T) {
	w := newWorld(t)
	w.open = true
	for range 3 {
		w.pass(t, time.Hour)
		w.size++
	}
	if got := strings.Join(w.submitted, ", "); got != "note 1, note 2, note 3" {
		t.Errorf("submitted %s", got)
	}
	for size := int64(1); size <= 3; size++ {
		if r, err := w.store.Of(size); err != nil || len(r) != 1 {
			t.Errorf("size %d: %v, %v", size, r, err)
		}
	}
	w.size-- // as it was
	w.pass(t, 3*time.Hour)
	if len(w.submitted) != 3 {
		t.Errorf("a log that does not grow is submitted again: %v", w.submitted)
	}
}

func TestPendingReceiptsOutliveARestart(t *testing.T) {
	w := newWorld(t)
	w.pass(t, 10*time.Minute)
	w.restart(t)
	w.pass(t, 10*time.Minute)
	if len(w.submitted) != 1 {
		t.Fatalf("submitted %v", w.submitted)
	}
	w.open = true
	w.pass(t, 4*time.Minute)
	if r, err := w.store.Of(1); err != nil || len(r) != 1 {
		t.Errorf("%v, %v", r, err)
	}
	before := w.upgrades
	w.pass(t, 10*time.Minute)
	if w.upgrades != before {
		t.Error("a final receipt is gone on with")
	}
}

func TestWhatFailsIsTriedLaterAndLater(t *testing.T) {
	w := newWorld(t)
	w.down = true
	w.pass(t, 6*time.Hour)
	if attempts := strings.Count(w.log.String(), "is tried again"); attempts < 8 || attempts > 20 {
		t.Errorf("%d attempts in six hours", attempts)
	}
	w.down, w.open = false, true
	w.pass(t, 61*time.Minute)
	if r, err := w.store.Of(1); err != nil || len(r) != 1 {
		t.Errorf("%v, %v", r, err)
	}
}

func TestAnAnchorThatStallsRaisesOneAlarm(t *testing.T) {
	w := newWorld(t)
	w.pass(t, 40*time.Hour)
	if alarms := strings.Count(w.log.String(), "no checkpoint has been anchored for long"); alarms != 1 {
		t.Errorf("%d alarms", alarms)
	}
	w.open = true
	w.pass(t, 61*time.Minute)
	if !strings.Contains(w.log.String(), "anchored again") {
		t.Error("nobody is told that it goes on")
	}
}

func TestALostReceiptMakesWayForANewerCheckpoint(t *testing.T) {
	w := newWorld(t)
	w.lose = true
	w.pass(t, time.Minute)
	w.lose, w.open, w.size = false, true, 2
	w.pass(t, time.Minute)
	if size, ok := w.store.First(0); !ok || size != 2 {
		t.Errorf("the first that is anchored is %d, %v", size, ok)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.open = true
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Hour)
		defer cancel()
		w.runner.cfg.Now = time.Now
		if err := w.runner.Run(ctx); err != nil {
			t.Error(err)
		}
		if _, ok := w.store.First(0); !ok {
			t.Error("nothing was anchored")
		}
	})
}
