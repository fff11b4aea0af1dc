package share

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evidentlog/evident/internal/broker/share/window"
)

func (h *harness) change(f func(*Topic)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f(&h.topic)
}

func TestRecordsOfAKeyAreDeliveredOneAfterTheOther(t *testing.T) {
	inBubble(t, 1, func(h *harness) {
		h.change(func(t *Topic) { t.ByKey = true })
		h.append(0, "k=0", "k=1", "l=2", "3")
		h.append(0, "k=4", "5")
		h.begin("g")
		one, two := h.member("g", "one"), h.member("g", "two")
		want(t, one.fetch(), "0:0-0*1", "0:2-3*1", "0:5-5*1")
		want(t, two.fetch())
		got := make(chan []string)
		go func() { got <- two.fetch(wait(time.Minute)) }()
		synctest.Wait()
		one.acknowledge(0, 2, 3, window.Accept)
		one.acknowledge(0, 0, 0, window.Release)
		want(t, <-got, "0:0-0*2") // again, and not 1
		want(t, one.fetch(acks(0, 5, 5, window.Accept)))
		want(t, two.fetch(acks(0, 0, 0, window.Accept)), "0:1-1*1")
		want(t, two.fetch(acks(0, 1, 1, window.Reject)), "0:4-4*1")
		h.restart()
		want(t, h.member("g", "one").fetch(), "0:4-4*1")
	})
}

func TestRecordsWithGreaterPriorityComeFirst(t *testing.T) {
	inBubble(t, 1, func(h *harness) {
		h.change(func(t *Topic) { t.PriorityHeader = "priority" })
		h.append(0, "a", "b!3", "c!-1", "d!nonsense")
		h.append(0, "e!7", "f!3")
		h.begin("g")
		m := h.member("g", "m")
		for _, offset := range []int{4, 1, 5, 0, 3, 2} {
			want(t, m.fetch(most(1)), fmt.Sprintf("0:%d-%d*1", offset, offset))
		}
		h.append(0, "g!1")
		want(t, m.fetch(), "0:6-6*1")
	})
}

func TestTheLookAheadDoesNotMoveBeyondWhatIsUnfinished(t *testing.T) {
	inBubble(t, 1, func(h *harness) {
		h.configure("share.partition.max.record.locks", "100")
		h.change(func(t *Topic) { t.PriorityHeader = "priority" })
		h.append(0, "low!-1")
		for range 300 {
			h.append(0, "high!1")
		}
		h.begin("g")
		m := h.member("g", "m")
		taken := 0
		for {
			f := m.send(most(10))
			if f.Partitions[0].Acquired[0].First == 0 {
				break
			}
			taken += int(f.records())
			for _, r := range f.Partitions[0].Acquired {
				m.acknowledge(0, r.First, r.Last, window.Accept)
			}
		}
		if taken != 99-9 { // it comes with the last nine
			t.Errorf("%d records came first", taken)
		}
	})
}

func TestAnOrderThatIsTakenBackAppliesNoMore(t *testing.T) {
	inBubble(t, 1, func(h *harness) {
		h.change(func(t *Topic) { t.ByKey = true })
		h.append(0, "k=0", "k=1")
		h.begin("g")
		m := h.member("g", "m")
		want(t, m.fetch(), "0:0-0*1")
		h.change(func(t *Topic) { t.ByKey = false })
		want(t, m.fetch(), "0:1-1*1")
		h.append(0, "k=2")
		h.change(func(t *Topic) { t.ByKey = true })
		want(t, m.fetch())
		want(t, m.fetch(acks(0, 0, 1, window.Accept)), "0:2-2*1")
	})
}

func TestABatchThatIsLargerThanTheLookAheadIsSeenInParts(t *testing.T) {
	inBubble(t, 1, func(h *harness) {
		h.configure("share.partition.max.record.locks", "100")
		h.change(func(t *Topic) { t.ByKey = true })
		h.append(0, numbered(250)...)
		h.begin("g")
		m := h.member("g", "m")
		want(t, m.fetch(), "0:0-99*1")
		want(t, m.fetch(acks(0, 0, 49, window.Accept)), "0:100-149*1")
		want(t, m.fetch(acks(0, 50, 149, window.Accept)), "0:150-249*1")
	})
}
