package broker

import (
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
)

func newTextLogger(w *strings.Builder) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }

// Two requests that both have half of what they need must not wait for one
// another: one of them may exceed the budget, and one only.
func TestBudgetCannotDeadlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(100)
		var first, second, third hold
		b.take(&first, 50)
		b.take(&second, 50)
		b.take(&first, 1000) // takes the lane
		got := make(chan string, 2)
		go func() { b.take(&second, 50); got <- "second" }()
		synctest.Wait()
		go func() { b.take(&third, 10); got <- "third" }()
		synctest.Wait()
		if len(got) != 0 {
			t.Fatalf("%s went on although the budget is exceeded", <-got)
		}
		b.release(&first)
		synctest.Wait()
		if len(got) != 2 {
			t.Fatalf("%d go on, want both", len(got))
		}
		b.release(&second)
		b.release(&third)
		if b.mu.free != 100 || b.mu.lane != nil {
			t.Errorf("%d free, lane %v", b.mu.free, b.mu.lane)
		}
	})
}

func TestClosedBudgetLetsGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(1)
		var lane, waits hold
		b.take(&lane, 5)
		got := make(chan bool, 1)
		go func() { got <- b.take(&waits, 5) }()
		synctest.Wait()
		b.close()
		if <-got || waits.bytes != 0 {
			t.Error("it got what is not there")
		}
	})
}

func TestBuffersAreReusedAndNeverTooSmall(t *testing.T) {
	var p buffers
	for _, n := range []int{1, minBuffer, minBuffer + 1, 1 << 20, 1<<20 + 1} {
		b := p.get(n)
		if len(b.b) < n || len(b.b) > 2*max(n, minBuffer) {
			t.Errorf("%d bytes for %d", len(b.b), n)
		}
		p.put(b)
		if again := p.reuse(n); again != nil && len(again.b) < n {
			t.Errorf("%d bytes for %d", len(again.b), n)
		}
	}
}

func TestLargeScratchIsBounded(t *testing.T) {
	s := newScratches()
	var lent []*[]byte
	for range largeScratches {
		lent = append(lent, s.lend(1<<20))
	}
	if b := s.lend(1 << 20); len(*b) != smallScratch {
		t.Errorf("one more has %d bytes", len(*b))
	}
	for _, b := range lent {
		if len(*b) != largeScratch {
			t.Errorf("got %d bytes", len(*b))
		}
		s.giveBack(b)
	}
	if b := s.lend(1 << 20); len(*b) != largeScratch {
		t.Errorf("afterwards %d bytes", len(*b))
	}
	if b := s.lend(10); len(*b) != smallScratch {
		t.Errorf("for 10 bytes %d", len(*b))
	}
}
