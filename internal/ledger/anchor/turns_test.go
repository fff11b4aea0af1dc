package anchor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evidentlog/evident/internal/vfs"
)

func TestABadReceiptHoldsNoOtherUp(t *testing.T) {
	w := newWorld(t)
	w.bad = map[string]bool{"note 1": true, "note 2": true}
	w.open = true
	for range 6 {
		w.pass(t, time.Hour)
		w.size++
	}
	for size := int64(3); size <= 6; size++ {
		if r, err := w.store.Of(size); err != nil || len(r) != 1 {
			t.Errorf("size %d: %v, %v", size, r, err)
		}
	}
	if w.upgrades > 60 {
		t.Errorf("two receipts that fail, and four that do not, were gone on with %d times in six hours", w.upgrades)
	}
}

// Nobody answers, and each attempt takes until it is cut off: the next checkpoint
// is submitted all the same, not much later than it would be.
func TestReceiptsThatTakeForeverDelayNoSubmission(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.now = time.Now()
		for size := int64(1); size <= 20; size++ {
			if err := w.store.Put("spot", root(size), w.now.Add(-2*time.Hour), Receipt{Pending, fmt.Appendf(nil, "for note %d", size)}); err != nil {
				t.Fatal(err)
			}
		}
		w.size, w.stuck = 21, true
		ctx, cancel := context.WithTimeout(t.Context(), stepTime+submitTime+time.Second)
		defer cancel()
		w.runner.cfg.Now = time.Now
		if err := w.runner.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if len(w.submitted) != 1 {
			t.Errorf("submitted %v within %v", w.submitted, stepTime+submitTime)
		}
	})
}

func TestReceiptsTakeTurns(t *testing.T) {
	w := newWorld(t)
	for size := int64(1); size <= 2*maxTurns; size++ {
		state := Pending
		if size%2 == 0 {
			state = Usable
		}
		if err := w.store.Put("spot", root(size), w.now, Receipt{state, fmt.Appendf(nil, "for note %d", size)}); err != nil {
			t.Fatal(err)
		}
	}
	first := w.runner.choose(w.now)
	if len(first) != maxTurns || first[0].size != 1 || first[maxTurns-1].state != Pending {
		t.Fatalf("%d are chosen, from size %d, state %d on", len(first), first[0].size, first[maxTurns-1].state)
	}
	for _, p := range first {
		w.runner.turn(p).rest(w.now, time.Minute)
	}
	if second := w.runner.choose(w.now); len(second) != maxTurns || second[0].size != 2 || second[0].state != Usable {
		t.Errorf("then %d, from size %d on", len(second), second[0].size)
	}
	w.runner.turn(first[0]).last = w.now
	later := w.now.Add(2 * time.Minute)
	if third := w.runner.choose(later); third[0].size != 3 || third[maxTurns-1].size != 1 {
		t.Errorf("what was gone on with last is not behind the others: %d, …, %d", third[0].size, third[maxTurns-1].size)
	}
}

// A clock that was a year ahead, and is set right, holds nothing up.
func TestAClockThatIsSetBackHoldsNothingUp(t *testing.T) {
	w := newWorld(t)
	w.down = true
	w.now = noon.AddDate(1, 0, 0)
	w.pass(t, time.Hour)
	w.now, w.down, w.open = noon, false, true
	w.pass(t, 2*time.Minute)
	if _, ok := w.store.First(0); !ok {
		t.Error("nothing is anchored")
	}
}

// A receipt that rots on disk is given to nobody, and the others go on.
func TestARottenReceiptIsAnErrorAndStopsNothing(t *testing.T) {
	fsys := disk(t)
	w := &world{spot: &spot{}, store: openStore(t, fsys), now: noon, size: 1}
	w.restart(t)
	w.pass(t, time.Minute)
	f, err := fsys.Open(storeName, vfs.Write)
	if err != nil {
		t.Fatal(err)
	}
	size, err := f.Size()
	if err == nil {
		_, err = f.WriteAt([]byte("X"), size-1)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	w.size, w.open = 2, true
	w.pass(t, 2*time.Hour)
	if r, err := w.store.Of(2); err != nil || len(r) != 1 {
		t.Errorf("the next: %v, %v", r, err)
	}
	if !strings.Contains(w.log.String(), "receipts of anchors are damaged") {
		t.Errorf("nobody is told: %s", w.log.String())
	}
	p, _ := w.store.newest("spot", func(p place) bool { return p.size == 1 })
	if _, err := w.store.read(p); !errors.Is(err, ErrCorrupt) {
		t.Errorf("it is read: %v", err)
	}
}
