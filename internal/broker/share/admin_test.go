package share

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	members "github.com/evidentlog/evident/internal/broker/group/share"
	"github.com/evidentlog/evident/internal/broker/share/window"
	"github.com/evidentlog/evident/internal/broker/statetopic/statetopictest"
)

func TestGroupsBeginWhereTheyAreToldTo(t *testing.T) {
	inBubble(t, 1, func(h *harness) {
		h.append(0, "a")
		time.Sleep(time.Hour)
		h.append(0, "b")
		for reset, want := range map[string]int64{"earliest": 0, "latest": 2, "by_duration:PT30M": 1, "by_duration:PT2H": 0, "by_duration:PT0S": 2} {
			if reset == "by_duration:PT0S" {
				time.Sleep(time.Millisecond)
			}
			h.configure("share.auto.offset.reset", reset)
			h.begin(reset)
			if start, _ := h.position(reset); start != want {
				t.Errorf("%s: position is %d, want %d", reset, start, want)
			}
		}
		h.configure("share.auto.offset.reset", "latest")
		h.Begin("grown", []members.Beginning{{Topic: orders, Count: 1, Grown: true}}, func(err error) {
			if err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		if start, _ := h.position("grown"); start != 0 {
			t.Errorf("a partition that is new: position is %d", start)
		}
	})
}

func TestAPositionThatIsSetIsDurableAndReleasesLocks(t *testing.T) {
	inBubble(t, 1, func(h *harness) {
		h.append(0, numbered(10)...)
		h.begin("g")
		m := h.member("g", "m")
		m.fetch()
		set := func(offset int64) {
			done := make(chan error, 1)
			h.SetPosition("g", orders, 0, offset, func(err error) { done <- err })
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
		set(4)
		if err := m.acknowledge(0, 5, 5, window.Accept); err != kerr.InvalidRequest {
			t.Errorf("a lock of before: %v", err)
		}
		h.restart()
		if start, lag := h.position("g"); start != 4 || lag != 6 {
			t.Errorf("position is %d, lag %d", start, lag)
		}
		want(t, h.member("g", "m").fetch(most(2)), "0:4-5*1")
		set(20) // beyond the log
		want(t, h.member("g", "other").fetch())
	})
}

func TestWhatIsDeletedIsGoneAndCanBeginAnew(t *testing.T) {
	inBubble(t, 1, func(h *harness) {
		h.append(0, "a", "b")
		h.begin("g")
		m := h.member("g", "m")
		m.fetch()
		m.acknowledge(0, 0, 0, window.Accept)
		remove := func() {
			done := make(chan error, 1)
			h.Delete("g", [][16]byte{orders}, func(err error) { done <- err })
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
		remove()
		if start, lag := h.position("g"); start != -1 || lag != -1 {
			t.Errorf("position is %d, lag %d", start, lag)
		}
		want(t, m.fetch(), "0:"+kerr.UnknownTopicOrPartition.Error())
		h.restart()
		if start, _ := h.position("g"); start != -1 {
			t.Errorf("position is %d after a restart", start)
		}
		h.begin("g")
		want(t, h.member("g", "m").fetch(), "0:0-1*1")
		remove() // once more, and begin before that is durable
		h.store.Set(statetopictest.Faults{Delay: time.Second})
		h.Delete("g", nil, func(error) {})
		h.begin("g")
		time.Sleep(5 * time.Second)
		h.restart()
		want(t, h.member("g", "m").fetch(), "0:0-1*1")
	})
}

func TestADeletedTopicIsForgottenAlsoAfterACrash(t *testing.T) {
	inBubble(t, 1, func(h *harness) {
		h.append(0, "a")
		h.begin("g")
		h.begin("other")
		m := h.member("g", "m")
		got := make(chan []string)
		m.fetch()
		go func() { got <- m.fetch(wait(time.Minute)) }()
		synctest.Wait()
		h.mu.Lock()
		h.deleted = true
		h.mu.Unlock()
		began := time.Now()
		h.TopicDeleted(orders)
		if want(t, <-got, "0:"+kerr.UnknownTopicID.Error()); time.Since(began) > 0 {
			t.Errorf("it took %v", time.Since(began))
		}
		synctest.Wait()
		if n := len(h.known()); n != 0 {
			t.Errorf("%d groups are left", n)
		}
		h.mu.Lock()
		h.deleted = false
		h.mu.Unlock()
		h.begin("g")
		h.mu.Lock()
		h.deleted = true // and the crash comes before its tombstones
		h.mu.Unlock()
		h.restart()
		synctest.Wait()
		if n := len(h.known()); n != 0 {
			t.Errorf("%d groups are left after a crash", n)
		}
	})
}

func TestATombstoneThatFailsIsWrittenLater(t *testing.T) {
	inBubble(t, 1, func(h *harness) {
		h.begin("g")
		h.store.Set(statetopictest.Faults{Append: errors.New("disk on fire")})
		h.Delete("g", nil, func(error) {})
		synctest.Wait()
		h.store.Set(statetopictest.Faults{})
		time.Sleep(writeRetry)
		synctest.Wait()
		h.restart()
		if n := len(h.known()); n != 0 {
			t.Errorf("%d groups are left", n)
		}
	})
}

func TestATombstoneThatFailsDoesNotHitWhatBeginsMeanwhile(t *testing.T) {
	inBubble(t, 1, func(h *harness) {
		h.append(0, "a")
		h.begin("g")
		h.store.Set(statetopictest.Faults{Append: errors.New("disk on fire")})
		h.Delete("g", nil, func(err error) {
			if err == nil {
				t.Error("the disk is on fire, and it was deleted")
			}
		})
		synctest.Wait()
		h.store.Set(statetopictest.Faults{})
		h.begin("g")
		time.Sleep(2 * writeRetry)
		h.restart()
		want(t, h.member("g", "m").fetch(), "0:0-0*1")
	})
}

// known are the groups that the coordinator knows.
func (h *harness) known() map[string]map[place]*partition {
	h.Coordinator.mu.RLock()
	defer h.Coordinator.mu.RUnlock()
	return h.Coordinator.mu.groups
}
