package share

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/share/snapshot"
	"github.com/evidentlog/evident/internal/broker/share/window"
	"github.com/evidentlog/evident/internal/broker/statetopic/statetopictest"
	"github.com/evidentlog/evident/internal/log"
)

func TestAcknowledgementsAreAnsweredAsKafkaDoes(t *testing.T) {
	inBubble(t, 1, func(h *harness) {
		h.append(0, "a", "b", "c")
		h.begin("g")
		m, other := h.member("g", "m"), h.member("g", "other")
		m.fetch()
		other.fetch()
		for _, c := range []struct {
			m     *member
			first int64
			last  int64
			types []int8
			want  *kerr.Error
		}{
			{other, 0, 0, []int8{window.Accept}, kerr.InvalidRecordState},
			{m, 0, 3, []int8{window.Accept}, kerr.InvalidRequest},
			{m, 0, 0, []int8{9}, kerr.InvalidRequest},
			{m, 1, 0, []int8{window.Accept}, kerr.InvalidRequest},
			{m, 0, 2, []int8{window.Accept, window.Accept}, kerr.InvalidRequest},
			{m, 0, 2, []int8{window.Accept, window.Gap, window.Release}, nil},
			{m, 0, 0, []int8{window.Accept}, nil}, // it is before the start
			{m, 2, 2, []int8{window.Accept}, kerr.InvalidRecordState},
		} {
			if got := c.m.acknowledge(0, c.first, c.last, c.types...); got != c.want {
				t.Errorf("%s of %d to %d as %v: got %v, want %v", c.m.id, c.first, c.last, c.types, got, c.want)
			}
		}
	})
}

func TestLocksCanBeRenewedUnlessTheGroupForbidsIt(t *testing.T) {
	inBubble(t, 1, func(h *harness) {
		h.append(0, "a")
		h.begin("g")
		m, other := h.member("g", "m"), h.member("g", "other")
		want(t, m.fetch(), "0:0-0*1")
		for range 3 {
			time.Sleep(20 * time.Second)
			if err := m.acknowledge(0, 0, 0, window.Renew); err != nil {
				t.Fatal(err)
			}
			want(t, other.fetch())
		}
		renew := acks(0, 0, 0, window.Renew)
		want(t, m.fetch(renew, func(r *kmsg.ShareFetchRequest) {
			r.IsRenewAck, r.MaxBytes, r.MaxRecords = true, 0, 0
		}))
		h.configure("share.renew.acknowledge.enable", "false")
		if err := m.acknowledge(0, 0, 0, window.Renew); err != kerr.InvalidRecordState {
			t.Errorf("got %v", err)
		}
		time.Sleep(30 * time.Second)
		synctest.Wait()
		want(t, other.fetch(), "0:0-0*2")
	})
}

func TestADeliveryCountsUnlessTheMemberLeftOrderly(t *testing.T) {
	inBubble(t, 1, func(h *harness) {
		h.append(0, "a")
		h.begin("g")
		a := h.member("g", "a")
		want(t, a.fetch(), "0:0-0*1")
		a.epoch = closeSession
		want(t, a.fetch())
		b := h.member("g", "b")
		want(t, b.fetch(), "0:0-0*1")
		h.Disconnected(b.conn)
		c := h.member("g", "c")
		want(t, c.fetch(), "0:0-0*2")
		c.epoch = closeSession
		if err := c.acknowledge(0, 0, 0, window.Release); err != nil {
			t.Error(err)
		}
		want(t, h.member("g", "d").fetch(), "0:0-0*3")
	})
}

func TestRecordsAreGivenUpWhenTheirDeliveriesRunOut(t *testing.T) {
	inBubble(t, 1, func(h *harness) {
		h.configure("share.delivery.count.limit", "2")
		h.append(0, "a")
		h.begin("g")
		m := h.member("g", "m")
		want(t, m.fetch(), "0:0-0*1")
		want(t, m.fetch(acks(0, 0, 0, window.Release)), "0:0-0*2")
		want(t, m.fetch(acks(0, 0, 0, window.Release)))
		if start, _ := h.position("g"); start != 1 {
			t.Errorf("position is %d", start)
		}
	})
}

func TestAnAcknowledgementIsAnsweredWhenItIsDurable(t *testing.T) {
	inBubble(t, 1, func(h *harness) {
		h.append(0, numbered(10)...)
		h.begin("g")
		m := h.member("g", "m")
		m.fetch()
		h.store.Set(statetopictest.Faults{Delay: time.Second})
		began := time.Now()
		if err := m.acknowledge(0, 0, 0, window.Accept); err != nil {
			t.Error(err)
		}
		if d := time.Since(began); d != time.Second {
			t.Errorf("it took %v", d)
		}
		before := h.store.Count()
		answered := make(chan *kerr.Error)
		for i := range int64(5) {
			go func() {
				k := acknowledging{c: h.Coordinator, key: sessionKey{"g", "m"}, settings: h.set(), now: time.Now()}
				f, err := k.acknowledge(place{orders, 0}, []window.Ack{{First: i + 1, Last: i + 1, Types: []int8{window.Accept}}})
				if err == nil {
					err = f.wait(h.t.Context())
				}
				answered <- kerr.TypedErrorForCode(codeOf(err))
			}()
			synctest.Wait()
		}
		for range 5 {
			if err := <-answered; err != nil {
				t.Error(err)
			}
		}
		if n := h.store.Count() - before; n != 2 {
			t.Errorf("five acknowledgements took %d writes, want the first and one for the rest", n)
		}
	})
}

func TestWhatMembersWereToldSurvivesACrash(t *testing.T) {
	inBubble(t, 1, func(h *harness) {
		h.append(0, numbered(10)...)
		h.begin("g")
		m := h.member("g", "m")
		want(t, m.fetch(), "0:0-9*1")
		if err := m.acknowledge(0, 2, 5, window.Accept, window.Release, window.Reject, window.Gap); err != nil {
			t.Fatal(err)
		}
		h.store.Set(statetopictest.Faults{Delay: time.Hour})
		done := make(chan struct{})
		go func() {
			k := acknowledging{c: h.Coordinator, key: sessionKey{"g", "m"}, settings: h.set(), now: time.Now()}
			f, err := k.acknowledge(place{orders, 0}, []window.Ack{{First: 0, Last: 1, Types: []int8{window.Accept}}})
			if err != nil {
				t.Error(err)
			}
			_ = f
			close(done)
		}()
		<-done
		h.store.Set(statetopictest.Faults{})
		h.restart()
		if start, lag := h.position("g"); start != 0 || lag != 7 {
			t.Errorf("position is %d, lag %d", start, lag)
		}
		want(t, h.member("g", "m").fetch(), "0:0-1*1", "0:3-3*2", "0:6-9*1")
	})
}

func TestWhereAGroupBeginsIsDurableBeforeItsMembersAreTold(t *testing.T) {
	inBubble(t, 1, func(h *harness) {
		h.configure("share.auto.offset.reset", "latest")
		h.append(0, "before")
		h.begin("g")
		h.append(0, "after")
		h.restart()
		h.begin("g") // again, as after a heartbeat whose answer was lost
		want(t, h.member("g", "m").fetch(), "0:1-1*1")
	})
}

func TestAWriteThatFailsIsToldAndMadeGood(t *testing.T) {
	inBubble(t, 1, func(h *harness) {
		h.append(0, "a", "b")
		h.begin("g")
		m := h.member("g", "m")
		want(t, m.fetch(), "0:0-1*1")
		h.store.Set(statetopictest.Faults{Append: errors.New("disk on fire")})
		if err := m.acknowledge(0, 0, 0, window.Accept); err != kerr.KafkaStorageError {
			t.Errorf("got %v", err)
		}
		h.store.Set(statetopictest.Faults{})
		time.Sleep(writeRetry)
		synctest.Wait()
		h.restart()
		want(t, h.member("g", "m").fetch(), "0:1-1*1")
	})
}

func TestWhatCannotBeReadIsNotServedUntilItCan(t *testing.T) {
	inBubble(t, 1, func(h *harness) {
		h.append(0, "a", "b")
		h.begin("g")
		m := h.member("g", "m")
		m.fetch()
		m.acknowledge(0, 0, 0, window.Accept)
		h.store.Set(statetopictest.Faults{Read: errors.New("disk on fire")})
		h.restart()
		m = h.member("g", "m")
		want(t, m.fetch(), "0:"+kerr.KafkaStorageError.Error())
		h.store.Set(statetopictest.Faults{})
		time.Sleep(time.Second)
		synctest.Wait()
		want(t, m.fetch(), "0:1-1*1")
	})
}

// However a batch of many records is acknowledged, what has to be written fits.
func TestTheLongestSnapshotFitsIntoABatch(t *testing.T) {
	w := window.New(0)
	a := window.Acquisition{Member: "a", Records: 1, Locks: 4000, Limit: 5}
	got := w.Acquire(a, 0, []window.Span{{First: 0, Last: 1 << 20}})
	types := make([]window.AckType, got[0].Last+1)
	for i := range types {
		types[i] = []window.AckType{window.Release, window.Accept, window.Reject}[i%3]
	}
	k := window.Acknowledgement{Member: "a", Fate: window.Fate{Limit: 5, DeadLetters: true}}
	if err := w.Acknowledge(k, []window.Ack{{First: 0, Last: got[0].Last, Types: types}}); err != nil {
		t.Fatal(err)
	}
	key := snapshot.Key{Group: strings.Repeat("g", 1<<15-1)}
	n := len(key.AppendTo(nil)) + len((&snapshot.Snapshot{Batches: w.Batches()}).AppendTo(nil))
	if most := log.DefaultSettings().MaxMessageBytes; n+1000 > most || len(w.Batches()) < window.MaxLength-1 {
		t.Errorf("%d bytes for %d runs, at most %d are possible", n, len(w.Batches()), most)
	}
}
