package share

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/share/window"
	"github.com/evidentlog/evident/internal/log"
)

func TestARecordIsLockedForOneMemberUntilItIsFinished(t *testing.T) {
	inBubble(t, 2, func(h *harness) {
		h.append(0, "a", "b", "c")
		h.append(1, "d")
		h.begin("g")
		one, two := h.member("g", "one"), h.member("g", "two")
		want(t, one.fetch(), "0:0-2*1", "1:0-0*1")
		want(t, two.fetch())
		want(t, one.fetch(acks(0, 0, 2, window.Accept, window.Release, window.Reject)), "0:1-1*2")
		if start, lag := h.position("g"); start != 1 || lag != 1 {
			t.Errorf("position is %d, lag %d", start, lag)
		}
		want(t, two.fetch())
		if other := h.member("other", "one"); true {
			h.begin("other")
			want(t, other.fetch(), "0:0-2*1", "1:0-0*1")
		}
	})
}

func TestWaitingFetchesAreWokenByWhatMakesRecordsAvailable(t *testing.T) {
	for name, c := range map[string]struct {
		make  func(h *harness, holder *member)
		after time.Duration
		want  string
	}{
		"an append":           {func(h *harness, _ *member) { h.append(0, "d") }, 0, "0:3-3*1"},
		"a release":           {func(h *harness, m *member) { m.acknowledge(0, 1, 1, window.Release) }, 0, "0:1-1*2"},
		"a lock that ran out": {func(h *harness, _ *member) { time.Sleep(30 * time.Second) }, 30 * time.Second, "0:0-2*2"},
		"a lost connection":   {func(h *harness, m *member) { h.Disconnected(m.conn) }, 0, "0:0-2*2"},
		"a departure":         {func(h *harness, m *member) { h.Left("g", m.id, false) }, 0, "0:0-2*2"},
		"an orderly one": {func(h *harness, m *member) {
			h.Left("g", m.id, true)
			h.Disconnected(m.conn)
		}, 0, "0:0-2*1"},
		"a closed session": {func(h *harness, m *member) { m.epoch = closeSession; m.send() }, 0, "0:0-2*1"},
		"a new position": {func(h *harness, m *member) {
			h.SetPosition("g", orders, 0, 1, func(error) {})
		}, 0, "0:1-2*1"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 1, func(h *harness) {
				h.append(0, "a", "b", "c")
				h.begin("g")
				holder, waiter := h.member("g", "holder"), h.member("g", "waiter")
				want(t, holder.fetch(most(3)), "0:0-2*1")
				began := time.Now()
				got := make(chan []string)
				go func() { got <- waiter.fetch(wait(time.Minute), most(3)) }()
				synctest.Wait()
				c.make(h, holder)
				want(t, <-got, c.want)
				if d := time.Since(began); d != c.after {
					t.Errorf("it took %v, want %v", d, c.after)
				}
			})
		})
	}
}

func TestAMemberThatHasLeftMayAcknowledgeUntilItEndsItsSession(t *testing.T) {
	inBubble(t, 1, func(h *harness) {
		h.append(0, "a", "b", "c")
		h.begin("g")
		leaver, other := h.member("g", "leaver"), h.member("g", "other")
		want(t, leaver.fetch(), "0:0-2*1")
		h.Left("g", leaver.id, true)
		want(t, other.fetch())
		leaver.epoch = closeSession
		if err := leaver.acknowledge(0, 0, 1, window.Accept); err != nil {
			t.Errorf("acknowledging: %v", err)
		}
		want(t, other.fetch(), "0:2-2*1")
	})
}

func TestAMemberThatJoinsAgainGoesOnWithItsSession(t *testing.T) {
	inBubble(t, 1, func(h *harness) {
		h.append(0, "a")
		h.begin("g")
		m, other := h.member("g", "m"), h.member("g", "other")
		want(t, m.fetch(), "0:0-0*1")
		h.Left("g", m.id, true)
		h.append(0, "b")
		want(t, m.fetch(), "0:1-1*1")
		h.Disconnected(m.conn) // which may be why it has gone
		want(t, other.fetch(), "0:0-1*2")
	})
}

func TestAFetchOfNoBytesGetsNoRecords(t *testing.T) {
	inBubble(t, 1, func(h *harness) {
		h.append(0, "a")
		h.begin("g")
		m := h.member("g", "m")
		began := time.Now()
		want(t, m.fetch(wait(time.Second), func(r *kmsg.ShareFetchRequest) { r.MaxBytes = 0 }))
		if d := time.Since(began); d != time.Second {
			t.Errorf("it took %v, want the second that the client gave", d)
		}
		want(t, m.fetch(), "0:0-0*1")
	})
}

func TestAFullWindowTakesMoreWhenSomethingIsFinished(t *testing.T) {
	inBubble(t, 1, func(h *harness) {
		h.configure("share.partition.max.record.locks", "100")
		for range 3 {
			h.append(0, numbered(60)...)
		}
		h.begin("g")
		one, two := h.member("g", "one"), h.member("g", "two")
		want(t, one.fetch(), "0:0-119*1")
		got := make(chan []string)
		go func() { got <- two.fetch(wait(time.Minute)) }()
		synctest.Wait()
		one.acknowledge(0, 60, 119, window.Accept) // the first is unfinished: no room
		synctest.Wait()
		select {
		case g := <-got:
			t.Fatalf("got %q beyond the limit", g)
		default:
		}
		one.acknowledge(0, 0, 59, window.Accept)
		want(t, <-got, "0:120-179*1")
	})
}

func numbered(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = "v"
	}
	return all
}

func TestEachAppendWakesOneOfThoseWhoWait(t *testing.T) {
	inBubble(t, 1, func(h *harness) {
		h.begin("g")
		got := make(chan []string)
		for _, id := range []string{"a", "b", "c"} {
			m := h.member("g", id)
			go func() { got <- m.fetch(wait(time.Minute)) }()
			synctest.Wait()
		}
		h.append(0, "1")
		want(t, <-got, "0:0-0*1")
		h.append(0, "2")
		want(t, <-got, "0:1-1*1")
		synctest.Wait()
		select {
		case g := <-got:
			t.Errorf("a third got %q", g)
		default:
		}
		h.append(0, "3")
		want(t, <-got, "0:2-2*1")
	})
}

func TestWhoLeavesTheLineCallsTheNext(t *testing.T) {
	inBubble(t, 2, func(h *harness) {
		h.begin("g")
		got := make(chan []string)
		one, two := h.member("g", "one"), h.member("g", "two")
		go func() { got <- one.fetch(wait(time.Minute), most(1)) }()
		synctest.Wait()
		go func() { got <- two.fetch(wait(time.Minute), most(1)) }()
		synctest.Wait()
		// The first in line is called for both, and takes one of them.
		h.append(0, "a")
		h.append(1, "b")
		first, second := <-got, <-got
		if len(first) != 1 || len(second) != 1 || first[0] == second[0] {
			t.Errorf("got %q and %q", first, second)
		}
	})
}

func TestAFetchThatWantsManyBytesLeavesFewToOthers(t *testing.T) {
	inBubble(t, 1, func(h *harness) {
		h.begin("g")
		greedy, modest := h.member("g", "greedy"), h.member("g", "modest")
		many := func(r *kmsg.ShareFetchRequest) { r.MinBytes = 10_000 }
		big, small := make(chan []string), make(chan []string)
		go func() { big <- greedy.fetch(wait(time.Minute), many) }()
		synctest.Wait()
		go func() { small <- modest.fetch(wait(time.Minute)) }()
		synctest.Wait()
		h.append(0, "little")
		want(t, <-small, "0:0-0*1")
		began := time.Now()
		for range 3 {
			h.append(0, string(make([]byte, 4000)))
		}
		want(t, <-big, "0:1-3*1")
		if d := time.Since(began); d > 2*gatherPause {
			t.Errorf("it took %v", d)
		}
		looks := h.looks
		go func() { big <- greedy.fetch(wait(20*time.Second), many) }()
		synctest.Wait()
		h.append(0, "little")
		began = time.Now()
		want(t, <-big, "0:4-4*1")
		if d := time.Since(began); d != 20*time.Second {
			t.Errorf("its patience ended after %v", d)
		}
		if looks := h.looks - looks; looks > 4 {
			t.Errorf("it looked %d times", looks)
		}
	})
}

func TestBytesAndRecordsBoundAFetch(t *testing.T) {
	inBubble(t, 2, func(h *harness) {
		for range 2 {
			h.append(0, string(make([]byte, 1000)))
			h.append(1, string(make([]byte, 1000)))
		}
		h.begin("g")
		m := h.member("g", "m")
		bytes := func(n int32) func(*kmsg.ShareFetchRequest) {
			return func(r *kmsg.ShareFetchRequest) { r.MaxBytes = n }
		}
		if got := m.send(bytes(1)).records(); got != 1 {
			t.Errorf("one batch at least and at most: %d records", got)
		}
		if got := m.send(bytes(2500)).records(); got != 2 {
			t.Errorf("two batches fit: %d records", got)
		}
		if got := m.fetch(most(0)); len(got) != 0 {
			t.Errorf("no records were wanted: %q", got)
		}
		if got := m.fetch(most(1)); len(got) != 1 {
			t.Errorf("one record was wanted: %q", got)
		}
	})
}

func TestSessionsHaveEpochsAndLimits(t *testing.T) {
	inBubble(t, 1, func(h *harness) {
		h.begin("g")
		h.sessions.limit = 2
		m := h.member("g", "m")
		code := func(epoch int32, want *kerr.Error) {
			t.Helper()
			r := m.request()
			r.ShareSessionEpoch = epoch
			f, err := h.Fetch(h.t.Context(), m.conn, 1<<20, r)
			if err != nil || kerr.TypedErrorForCode(f.Code) != want {
				t.Errorf("epoch %d: got %v, %v, want %v", epoch, kerr.ErrorForCode(f.Code), err, want)
			}
		}
		code(1, kerr.ShareSessionNotFound)
		code(-1, kerr.ShareSessionNotFound)
		code(0, nil)
		code(2, kerr.InvalidShareSessionEpoch)
		code(1, nil)
		code(2, nil)
		code(0, nil) // begins anew
		code(1, nil)
		if err := m.acknowledge(0, 0, 0, window.Accept); err != kerr.InvalidShareSessionEpoch {
			t.Errorf("acknowledge with epoch 0: %v", err)
		}
		code(-2, kerr.InvalidShareSessionEpoch)
		code(-1, nil)
		code(2, kerr.ShareSessionNotFound)
		h.member("g", "a").send()
		h.member("g", "b").send()
		if f := h.member("g", "c").send(); f.Code != kerr.ShareSessionLimitReached.Code {
			t.Errorf("a third session: %v", kerr.ErrorForCode(f.Code))
		}
	})
}

func TestBadFetchesAreRefused(t *testing.T) {
	inBubble(t, 1, func(h *harness) {
		h.begin("g")
		empty, long := "", "0123456789012345678901234567890123456"
		for name, spoil := range map[string]func(*kmsg.ShareFetchRequest){
			"no group":              func(r *kmsg.ShareFetchRequest) { r.GroupID = nil },
			"no member":             func(r *kmsg.ShareFetchRequest) { r.MemberID = &empty },
			"long member":           func(r *kmsg.ShareFetchRequest) { r.MemberID = &long },
			"acknowledges at first": acks(0, 0, 0, window.Accept),
			"renews and fetches":    func(r *kmsg.ShareFetchRequest) { r.IsRenewAck = true },
			"renews and waits a bit": func(r *kmsg.ShareFetchRequest) {
				r.IsRenewAck, r.Topics, r.MaxBytes, r.MaxRecords, r.MaxWaitMillis = true, nil, 0, 0, 1
			},
		} {
			if f := h.member("g", "m").send(spoil); f.Code != kerr.InvalidRequest.Code {
				t.Errorf("%s: %v", name, kerr.ErrorForCode(f.Code))
			}
		}
	})
}

func TestPartitionsThatAreNotThereAreSaidSoAndDoNotKeepOthersWaiting(t *testing.T) {
	inBubble(t, 1, func(h *harness) {
		h.begin("g")
		m := h.member("g", "m")
		odd := func(r *kmsg.ShareFetchRequest) {
			r.Topics[0].Partitions = append(r.Topics[0].Partitions, kmsg.ShareFetchRequestTopicPartition{Partition: 7})
			r.Topics = append(r.Topics, kmsg.ShareFetchRequestTopic{TopicID: [16]byte{9}, Partitions: []kmsg.ShareFetchRequestTopicPartition{{Partition: 3}}})
		}
		began := time.Now()
		want(t, m.fetch(odd, wait(time.Second)), "3:"+kerr.UnknownTopicID.Error(), "7:"+kerr.UnknownTopicOrPartition.Error())
		if d := time.Since(began); d != time.Second {
			t.Errorf("the answer came after %v, though one partition may have records", d)
		}
		other := h.member("unknown", "m")
		began = time.Now()
		want(t, other.fetch(wait(time.Second)), "0:"+kerr.UnknownTopicOrPartition.Error())
		if d := time.Since(began); d != 0 {
			t.Errorf("nothing could come, and the answer came after %v", d)
		}
	})
}

func TestForgottenPartitionsAreNotRead(t *testing.T) {
	inBubble(t, 2, func(h *harness) {
		h.begin("g")
		m := h.member("g", "m")
		m.fetch()
		m.fetch(func(r *kmsg.ShareFetchRequest) {
			r.ForgottenTopicsData = []kmsg.ShareFetchRequestForgottenTopicsData{{TopicID: orders, Partitions: []int32{0}}}
		})
		h.append(0, "a")
		h.append(1, "b")
		want(t, m.fetch(), "1:0-0*1")
		if p := h.find("g", place{orders, 0}); p.mu.users != 0 {
			t.Errorf("%d sessions read it", p.mu.users)
		}
	})
}

func TestWhatTheLogHasDeletedIsPassedOver(t *testing.T) {
	inBubble(t, 1, func(h *harness) {
		h.append(0, "a", "b")
		h.append(0, "c", "d")
		h.begin("g")
		m := h.member("g", "m")
		want(t, m.fetch(most(1)), "0:0-0*1")
		if failed := h.log.DeleteRecords(map[*log.Partition]int64{h.parts[0]: 2}); len(failed) > 0 {
			t.Fatal(failed)
		}
		want(t, m.fetch(), "0:2-3*1")
		if err := m.acknowledge(0, 0, 3, window.Accept); err != nil {
			t.Errorf("what has been deleted is finished: %v", err)
		}
		if start, lag := h.position("g"); start != 4 || lag != 0 {
			t.Errorf("position is %d, lag %d", start, lag)
		}
	})
}

func TestWhoGivesUpCallsTheNext(t *testing.T) {
	inBubble(t, 1, func(h *harness) {
		h.begin("g")
		impatient, patient := h.member("g", "impatient"), h.member("g", "patient")
		ctx, cancel := context.WithCancel(h.t.Context())
		gone := make(chan error)
		go func() {
			r := impatient.request()
			r.MinBytes, r.MaxWaitMillis = 10, 60_000 // so that it does not take at once what comes
			_, err := h.Fetch(ctx, impatient.conn, 1<<20, r)
			gone <- err
		}()
		synctest.Wait()
		got := make(chan []string)
		go func() { got <- patient.fetch(wait(time.Minute)) }()
		synctest.Wait()
		began := time.Now()
		h.append(0, "a")
		cancel()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		want(t, <-got, "0:0-0*1")
		if d := time.Since(began); d > gatherPause {
			t.Errorf("it took %v", d)
		}
	})
}

func TestAFetchWhoseSessionIsClosedMeanwhileTakesNothing(t *testing.T) {
	inBubble(t, 1, func(h *harness) {
		h.append(0, "a")
		h.begin("g")
		m := h.member("g", "m")
		m.fetch(most(0))
		s := h.sessions.byKeyForTest(sessionKey{"g", "m"})
		f := &fetching{c: h.Coordinator, req: m.request(), key: s.key, settings: h.set(), session: s}
		h.Disconnected(m.conn) // while it reads the log
		p := h.find("g", place{orders, 0})
		if ranges, _ := p.acquire(f, 0, []window.Span{{First: 0, Last: 0}}); ranges != nil {
			t.Errorf("got %v", ranges)
		}
		want(t, h.member("g", "other").fetch(), "0:0-0*1")
	})
}

func (s *sessions) byKeyForTest(key sessionKey) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.byKey[key]
}

func TestAClosedSessionTakesNothing(t *testing.T) {
	inBubble(t, 1, func(h *harness) {
		h.begin("g")
		m := h.member("g", "m")
		got := make(chan []string)
		go func() { got <- m.fetch(wait(time.Minute)) }()
		synctest.Wait()
		h.Disconnected(m.conn)
		want(t, <-got)
		if s := h.sessions.byKeyForTest(sessionKey{"g", "m"}); s != nil {
			t.Errorf("the session is left: %v", s.key)
		}
		h.append(0, "a")
		want(t, h.member("g", "other").fetch(), "0:0-0*1")
	})
}

// A member may end its session over another connection while a fetch of it is
// under way.
func TestASessionMayEndWhileItIsUsed(t *testing.T) {
	for name, end := range map[string]func(h *harness, m *member){
		"it is closed": func(h *harness, m *member) { h.Disconnected(m.conn) },
		"another takes its place": func(h *harness, m *member) {
			again := h.member("g", m.id)
			want(t, again.fetch(), "0:0-0*1")
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 1, func(h *harness) {
				h.append(0, "a")
				h.begin("g")
				m := h.member("g", "m")
				h.mu.Lock()
				h.onLook = func() { h.mu.Lock(); h.onLook = func() { end(h, m) }; h.mu.Unlock() } // the second: when it attaches
				h.mu.Unlock()
				want(t, m.fetch())
				want(t, h.member("g", "n").fetch(wait(time.Minute)), map[string]string{"it is closed": "0:0-0*1", "another takes its place": "0:0-0*2"}[name])
			})
		})
	}
}

func TestASessionHasNoPartitionsThatDoNotExist(t *testing.T) {
	inBubble(t, 1, func(h *harness) {
		h.begin("g")
		m := h.member("g", "m")
		m.send(func(r *kmsg.ShareFetchRequest) {
			for n := range int32(1000) {
				r.Topics[0].Partitions = append(r.Topics[0].Partitions, kmsg.ShareFetchRequestTopicPartition{Partition: n - 500})
				r.Topics = append(r.Topics, kmsg.ShareFetchRequestTopic{TopicID: [16]byte{9, byte(n >> 8), byte(n)}, Partitions: []kmsg.ShareFetchRequestTopicPartition{{}}})
			}
		})
		s, err := h.sessions.resume(sessionKey{"g", "m"}, m.epoch)
		if err != nil || len(s.mu.parts) != 1 || len(s.mu.order) != 1 {
			t.Errorf("%v; the session has %d partitions", err, len(s.mu.parts))
		}
	})
}
