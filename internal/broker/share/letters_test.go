package share

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evidentlog/evident/internal/broker/share/window"
)

// written are the dead letters, as "first-last*deliveries" and "r" if rejected.
func (h *harness) written() []string {
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []string
	for _, l := range h.letters {
		s := fmt.Sprintf("%d-%d*%d", l.First, l.Last, l.Deliveries)
		if l.Rejected {
			s += "r"
		}
		all = append(all, s)
	}
	return all
}

func (h *harness) refuseLetters(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.refuse = err
}

func TestRecordsThatAreGivenUpGetDeadLetters(t *testing.T) {
	inBubble(t, 1, func(h *harness) {
		h.configure("errors.deadletterqueue.topic.name", "dlq.orders")
		h.configure("share.delivery.count.limit", "2")
		h.append(0, "a", "b", "c")
		h.begin("g")
		m := h.member("g", "m")
		want(t, m.fetch(), "0:0-2*1")
		want(t, m.fetch(acks(0, 0, 2, window.Reject, window.Accept, window.Release)), "0:2-2*2")
		m.acknowledge(0, 2, 2, window.Release)
		if got := h.written(); !slices.Equal(got, []string{"0-0*1r", "2-2*2"}) {
			t.Errorf("got %q", got)
		}
		if start, lag := h.position("g"); start != 3 || lag != 0 {
			t.Errorf("position is %d, lag %d", start, lag)
		}
	})
}

func TestDeadLettersThatFailAreTriedAgainAndSurviveACrash(t *testing.T) {
	inBubble(t, 1, func(h *harness) {
		h.configure("errors.deadletterqueue.topic.name", "dlq.orders")
		h.append(0, "a")
		h.begin("g")
		m := h.member("g", "m")
		m.fetch()
		h.refuseLetters(errors.New("disk on fire"))
		m.acknowledge(0, 0, 0, window.Reject)
		time.Sleep(firstLetterRetry)
		if start, _ := h.position("g"); start != 0 {
			t.Errorf("position is %d, without a dead letter", start)
		}
		h.stop()
		h.refuseLetters(nil)
		h.restart()
		time.Sleep(2 * firstLetterRetry)
		if got := h.written(); !slices.Equal(got, []string{"0-0*1r"}) {
			t.Errorf("got %q", got)
		}
		if start, _ := h.position("g"); start != 1 {
			t.Errorf("position is %d", start)
		}
	})
}

func TestDeadLettersThatCannotBeWrittenDoNotStopTheQueue(t *testing.T) {
	for name, c := range map[string]struct {
		err   error
		after time.Duration
	}{
		"a bad setting": {fmt.Errorf("%w: no topic", ErrNoDeadLetters), 0},
		"a broken disk": {errors.New("disk on fire"), 15 * firstLetterRetry},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 1, func(h *harness) {
				h.configure("errors.deadletterqueue.topic.name", "dlq.orders")
				h.refuseLetters(c.err)
				h.append(0, "a", "b")
				h.begin("g")
				m := h.member("g", "m")
				m.fetch()
				m.acknowledge(0, 0, 0, window.Reject)
				time.Sleep(c.after)
				synctest.Wait()
				if start, _ := h.position("g"); start != 1 {
					t.Errorf("position is %d", start)
				}
			})
		})
	}
}
