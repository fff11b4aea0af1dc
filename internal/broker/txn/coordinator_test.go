package txn

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/statetopic/statetopictest"
	"github.com/evidentlog/evident/internal/broker/txn/transaction"
)

func TestEndOfTransactionMarksEveryPartition(t *testing.T) {
	for _, commit := range []bool{true, false} {
		inBubble(t, func(h *harness) {
			p := h.init("t")
			h.join("t", p, a0, b0)
			h.join("t", p, a1)
			h.wantState("t", transaction.Ongoing, a0, a1, b0)
			next := h.end("t", p, commit)
			if want := (transaction.Producer{ID: p.ID, Epoch: p.Epoch + 1}); next != want {
				h.t.Errorf("producer goes on as %v, want %v", next, want)
			}
			if commit {
				h.wantMarkers("commit a-0 of 101/1", "commit a-1 of 101/1", "commit b-0 of 101/1")
				h.wantState("t", transaction.CompleteCommit)
			} else {
				h.wantMarkers("abort a-0 of 101/1", "abort a-1 of 101/1", "abort b-0 of 101/1")
				h.wantState("t", transaction.CompleteAbort)
			}
		})
	}
}

func TestNothingIsAnsweredBeforeItIsDurable(t *testing.T) {
	inBubble(t, func(h *harness) {
		p := h.init("t")
		h.store.Set(statetopictest.Faults{Delay: time.Second / 2})
		h.log.delay = time.Second / 4
		joined := h.beginJoin("t", p, a0)
		if answered(joined) {
			h.t.Error("a partition joined before that was durable")
		}
		pass(time.Second / 2)
		if !answered(joined) {
			h.t.Fatal("a partition has not joined")
		}
		ended := begin(h.EndTxn, endRequest("t", p, true))
		pass(time.Second/2 - 1)
		if answered(ended) || len(h.log.take()) > 0 {
			h.t.Error("ended before the outcome was durable")
		}
		pass(1)
		if !answered(ended) {
			h.t.Fatal("not answered when the outcome was durable")
		}
		h.wantState("t", transaction.PrepareCommit, a0)
		pass(time.Second/4 - 2)
		h.wantState("t", transaction.PrepareCommit, a0)
		pass(2)
		h.wantState("t", transaction.CompleteCommit)
	})
}

// Requests that come while a transition is under way wait for it, and nothing
// that would append records overtakes another.
func TestRequestsWaitInTurn(t *testing.T) {
	inBubble(t, func(h *harness) {
		p := h.init("t")
		h.join("t", p, a0)
		h.store.Set(statetopictest.Faults{Delay: 100 * time.Millisecond})
		h.log.delay = 100 * time.Millisecond
		next := h.end("t", p, true)
		var mu sync.Mutex
		var order []int
		joined := func() []int {
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(order)
		}
		note := func(n int) func(*kerr.Error) {
			return func(err *kerr.Error) {
				if err != nil {
					h.t.Errorf("join %d: %v", n, err)
				}
				mu.Lock()
				defer mu.Unlock()
				order = append(order, n)
			}
		}
		join := func(n int, ps ...transaction.Partition) {
			h.Join(Joining{ID: "t", Producer: next, Partitions: ps, Joined: note(n), Stored: func(*kerr.Error) {}})
		}
		join(1, a0)
		join(2, a0, b0)
		join(3, a0) // is there when 1 is, but must not overtake 2
		ended := begin(h.EndTxn, endRequest("t", next, false))
		pass(99 * time.Millisecond)
		if got := joined(); len(got) > 0 {
			h.t.Errorf("joined %v while the transaction before was being completed", got)
		}
		pass(time.Second)
		if got := joined(); !slices.Equal(got, []int{1, 2, 3}) || !answered(ended) {
			h.t.Errorf("joined in the order %v", got)
		}
		h.wantMarkers("abort a-0 of 101/2", "abort b-0 of 101/2", "commit a-0 of 101/1")
	})
}

func TestWaitingHasAnEnd(t *testing.T) {
	inBubble(t, func(h *harness) {
		p := h.init("t")
		h.join("t", p, a0, a1, b0)
		h.log.errs[a1], h.log.errs[b0] = errDisk, ErrGone
		next := h.end("t", p, true)
		h.wantMarkers("commit a-0 of 101/1")
		h.wantState("t", transaction.PrepareCommit, a1) // a topic that was deleted needs no marker
		joined := h.beginJoin("t", next, b0)
		again := begin(h.EndTxn, endRequest("t", p, true))
		pass(patience + 2*time.Second)
		if !answered(joined) || <-joined != kerr.ConcurrentTransactions {
			h.t.Error("a producer was not told to try again")
		}
		h.wantCode("EndTxn", (<-again).ErrorCode, kerr.ConcurrentTransactions)
		r := h.InitProducerID(context.Background(), h.initRequest("t", transaction.None))
		h.wantCode("InitProducerId", r.ErrorCode, kerr.ConcurrentTransactions)
		h.log.set(func(l *memLog) { delete(l.errs, a1) })
		pass(2 * time.Second)
		h.wantMarkers("commit a-1 of 101/1")
		h.wantState("t", transaction.CompleteCommit)
		h.join("t", next, b0)
	})
}

func TestFailedWritesChangeNothing(t *testing.T) {
	inBubble(t, func(h *harness) {
		fail := statetopictest.Faults{Append: errDisk}
		p := h.init("t")
		h.store.Set(fail)
		if err := <-h.beginJoin("t", p, a0); err != kerr.CoordinatorNotAvailable {
			h.t.Errorf("join: %v", err)
		}
		h.wantState("t", transaction.Ongoing, a0) // there may be records
		h.store.Set(statetopictest.Faults{})
		h.join("t", p, a0)
		h.store.Set(fail)
		ended := begin(h.EndTxn, endRequest("t", p, true))
		h.wantCode("EndTxn", (<-ended).ErrorCode, kerr.CoordinatorNotAvailable)
		r := h.InitProducerID(context.Background(), h.initRequest("t", transaction.None))
		h.wantCode("InitProducerId", r.ErrorCode, kerr.CoordinatorNotAvailable)
		r = h.InitProducerID(context.Background(), h.initRequest("other", transaction.None))
		h.wantCode("InitProducerId", r.ErrorCode, kerr.CoordinatorNotAvailable)
		h.wantState("t", transaction.Ongoing, a0)
		if len(h.entries()) != 1 {
			h.t.Error("an id of which nothing is stored is remembered")
		}
		h.store.Set(statetopictest.Faults{})
		h.end("t", p, true)
		h.wantMarkers("commit a-0 of 101/1")
		h.store.Set(statetopictest.Faults{MaxBatch: 100})
		big := []transaction.Partition{{Topic: string(make([]byte, 200))}}
		if err := <-h.beginJoin("t", transaction.Producer{ID: p.ID, Epoch: 1}, big...); err != kerr.UnknownServerError {
			h.t.Errorf("join with a record that is too large: %v", err)
		}
	})
}

// That a transaction is completed follows from what is durable. If its record is
// lost, the markers are written once more.
func TestCompletionNeedsNoDisk(t *testing.T) {
	inBubble(t, func(h *harness) {
		p := h.init("t")
		h.join("t", p, a0)
		h.log.delay = time.Millisecond
		next := h.end("t", p, true)
		h.store.Set(statetopictest.Faults{Append: errDisk})
		pass(10 * time.Millisecond)
		h.wantMarkers("commit a-0 of 101/1")
		h.wantState("t", transaction.CompleteCommit)
		h.store.Set(statetopictest.Faults{})
		h.restart()
		pass(10 * time.Millisecond)
		h.wantMarkers("commit a-0 of 101/1")
		h.wantState("t", transaction.CompleteCommit)
		h.join("t", next, a1)
		h.restart()
		pass(10 * time.Millisecond)
		h.wantMarkers()
		h.wantState("t", transaction.Ongoing, a1)
	})
}

// What is stored while the record of the completion is on its way comes behind it.
func TestTheNextTransactionCountsAfterACompletion(t *testing.T) {
	inBubble(t, func(h *harness) {
		p := h.init("t")
		h.join("t", p, a0)
		h.store.Set(statetopictest.Faults{Delay: time.Second / 2})
		next := h.end("t", p, true)
		joined := h.beginJoin("t", next, a1)
		pass(time.Second/2 - 1)
		if answered(joined) {
			h.t.Error("joined before that was durable")
		}
		pass(1)
		if !answered(joined) {
			h.t.Error("a partition that joins waits for the completion before")
		}
		h.restart()
		h.wantMarkers("commit a-0 of 101/1")
		h.wantState("t", transaction.Ongoing, a1)
	})
}

func TestRestartCompletesWhatWasDecided(t *testing.T) {
	for _, commit := range []bool{true, false} {
		inBubble(t, func(h *harness) {
			p := h.init("t")
			h.join("t", p, a0, a1)
			h.log.errs[a1] = errDisk
			next := h.end("t", p, commit)
			synctest.Wait()
			h.log.take()
			delete(h.log.errs, a1)
			h.restart()
			word := map[bool]string{true: "commit", false: "abort"}[commit]
			h.wantMarkers(word+" a-0 of 101/1", word+" a-1 of 101/1")
			h.join("t", next, b0)
		})
	}
}

func TestOngoingTransactionOutlivesTheBroker(t *testing.T) {
	inBubble(t, func(h *harness) {
		p := h.init("t")
		h.join("t", p, a0)
		h.restart()
		h.wantState("t", transaction.Ongoing, a0)
		h.join("t", p, a1)
		h.end("t", p, true)
		h.wantMarkers("commit a-0 of 101/1", "commit a-1 of 101/1")
	})
}

func TestSlowTransactionIsAborted(t *testing.T) {
	for _, restart := range []bool{false, true} {
		inBubble(t, func(h *harness) {
			p := h.init("t")
			h.join("t", p, a0)
			if restart {
				pass(30 * time.Second)
				h.restart()
				pass(29 * time.Second)
			} else {
				pass(59 * time.Second)
			}
			h.wantMarkers()
			pass(3 * time.Second)
			h.wantMarkers("abort a-0 of 101/1")
			if err := <-h.beginJoin("t", p, a0); err != kerr.ProducerFenced {
				h.t.Errorf("join: %v", err)
			}
			r := <-begin(h.EndTxn, endRequest("t", p, true))
			h.wantCode("commit", r.ErrorCode, kerr.InvalidTxnState)
			old := endRequest("t", p, false)
			old.Version = 4
			h.wantCode("abort by a client of version 0", (<-begin(h.EndTxn, old)).ErrorCode, kerr.ProducerFenced)
			p = h.end("t", p, false)
			h.join("t", p, a1)
			h.end("t", p, true)
			h.wantMarkers("commit a-1 of 101/2")
		})
	}
}

func TestSecondProducerFencesTheFirst(t *testing.T) {
	inBubble(t, func(h *harness) {
		first := h.init("t")
		h.join("t", first, a0)
		h.store.Set(statetopictest.Faults{Delay: time.Millisecond})
		second := h.init("t")
		h.wantMarkers("abort a-0 of 101/1")
		if second.ID != first.ID || second.Epoch != 2 {
			h.t.Errorf("the second producer is %v", second)
		}
		if err := <-h.beginJoin("t", first, a0); err != kerr.ProducerFenced {
			h.t.Errorf("the first one joins: %v", err)
		}
		again := h.InitProducerID(h.t.Context(), h.initRequest("t", first))
		h.wantCode("InitProducerId of the first", again.ErrorCode, kerr.ProducerFenced)
		if again.ProducerID != -1 || again.ProducerEpoch != -1 {
			h.t.Errorf("who is fenced is told %d/%d", again.ProducerID, again.ProducerEpoch)
		}
		h.join("t", second, a0)
		r := <-begin(h.EndTxn, endRequest("t", first, false))
		h.wantCode("EndTxn of the first", r.ErrorCode, kerr.ProducerFenced)
		old := endRequest("t", first, false)
		old.Version = 1
		h.wantCode("EndTxn of the first", (<-begin(h.EndTxn, old)).ErrorCode, kerr.InvalidProducerEpoch)
		if err := h.Verify("t", first, a0); err != kerr.ProducerFenced {
			h.t.Errorf("verify of the first: %v", err)
		}
		h.end("t", second, true)
		h.wantMarkers("commit a-0 of 101/3")
	})
}

// Two that begin at the same time both get an epoch, and the later fences the
// earlier.
func TestProducersThatBeginTogether(t *testing.T) {
	inBubble(t, func(h *harness) {
		h.store.Set(statetopictest.Faults{Delay: time.Millisecond})
		epochs := make(chan int16, 3)
		for range 3 {
			go func() { epochs <- h.init("t").Epoch }()
		}
		got := []int16{<-epochs, <-epochs, <-epochs}
		if slices.Sort(got); !slices.Equal(got, []int16{0, 1, 2}) {
			h.t.Errorf("epochs %v", got)
		}
	})
}

// useUp gives the id's producer its last epoch.
func (h *harness) useUp(id string) transaction.Producer {
	e, _ := h.find(id)
	v := *e.value.Load()
	v.Producer.Epoch = 32766
	e.value.Store(&v)
	return v.Producer
}

// A transaction that takes too long, in the last epoch, waits for a new id.
func TestUsedUpProducerIDIsReplacedAfterATimeout(t *testing.T) {
	inBubble(t, func(h *harness) {
		h.init("t")
		p := h.useUp("t")
		h.join("t", p, a0)
		h.noIDs(errDisk)
		pass(65 * time.Second)
		h.wantMarkers()
		h.wantState("t", transaction.Ongoing, a0)
		h.noIDs(nil)
		pass(2 * time.Second)
		h.wantMarkers("abort a-0 of 101/32767")
		if next := h.end("t", p, false); next.ID == p.ID || next.Epoch != 0 {
			h.t.Errorf("producer goes on as %v", next)
		}
	})
}

func TestUsedUpProducerIDIsReplaced(t *testing.T) {
	inBubble(t, func(h *harness) {
		h.init("t")
		p := h.useUp("t")
		h.join("t", p, a0)
		h.noIDs(errDisk)
		r := <-begin(h.EndTxn, endRequest("t", p, true))
		h.wantCode("EndTxn without an id to be had", r.ErrorCode, kerr.CoordinatorNotAvailable)
		h.noIDs(nil)
		next := h.end("t", p, true)
		if next.ID == p.ID || next.Epoch != 0 {
			h.t.Errorf("producer goes on as %v", next)
		}
		h.wantMarkers("commit a-0 of 101/32767")
		h.join("t", next, a0)
	})
}

func TestIdleIDsExpire(t *testing.T) {
	inBubble(t, func(h *harness) {
		h.init("idle")
		p := h.init("busy")
		req := h.initRequest("busy", p)
		req.TransactionTimeoutMillis = int32(h.Coordinator.cfg.MaxTimeout.Milliseconds())
		h.InitProducerID(context.Background(), req)
		pass(7*24*time.Hour - time.Minute)
		p = h.init("busy")
		h.join("busy", p, a0)
		pass(2 * time.Hour)
		if len(h.entries()) != 1 {
			h.t.Errorf("%d ids are left", len(h.entries()))
		}
		h.restart()
		if len(h.entries()) != 1 {
			h.t.Errorf("%d ids are stored", len(h.entries()))
		}
		if again := h.init("idle"); again.Epoch != 0 {
			h.t.Errorf("an expired id begins with epoch %d", again.Epoch)
		}
		if r := h.DescribeTransactions(&kmsg.DescribeTransactionsRequest{TransactionalIDs: []string{"none"}}); r.TransactionStates[0].ErrorCode != kerr.TransactionalIDNotFound.Code {
			h.t.Error("an unknown id is described")
		}
	})
}

func TestRequestsBeforeTheTopicIsRead(t *testing.T) {
	inBubble(t, func(h *harness) {
		p := h.init("t")
		h.join("t", p, a0)
		h.stop()
		h.store.Set(statetopictest.Faults{Read: errDisk})
		h.start()
		for range 2 {
			if err := <-h.beginJoin("t", p, a0); err != kerr.CoordinatorLoadInProgress {
				h.t.Errorf("join: %v", err)
			}
			r := h.InitProducerID(context.Background(), h.initRequest("t", transaction.None))
			h.wantCode("InitProducerId", r.ErrorCode, kerr.CoordinatorLoadInProgress)
			h.wantCode("ListTransactions", h.ListTransactions(kmsg.NewPtrListTransactionsRequest()).ErrorCode, kerr.CoordinatorLoadInProgress)
			pass(100 * time.Millisecond)
		}
		h.store.Set(statetopictest.Faults{})
		pass(2 * time.Second)
		h.end("t", p, true)
	})
}

func TestClosingAnswersEverything(t *testing.T) {
	inBubble(t, func(h *harness) {
		p := h.init("t")
		h.join("t", p, a0)
		h.log.errs[a0] = errDisk
		next := h.end("t", p, true)
		joined := h.beginJoin("t", next, a0)
		h.stop()
		if !answered(joined) {
			h.t.Fatal("a request that waited was not turned away")
		}
		if err := <-joined; err != kerr.CoordinatorNotAvailable {
			h.t.Errorf("a request that waited was turned away with %v", err)
		}
		if err := <-h.beginJoin("t", next, a0); err != kerr.CoordinatorNotAvailable {
			h.t.Errorf("join after the end: %v", err)
		}
		r := h.InitProducerID(context.Background(), h.initRequest("new", transaction.None))
		h.wantCode("InitProducerId", r.ErrorCode, kerr.CoordinatorNotAvailable)
	})
}

func TestTopicThatCannotBeCreated(t *testing.T) {
	inBubble(t, func(h *harness) {
		h.store.Set(statetopictest.Faults{Create: errDisk})
		r := h.InitProducerID(context.Background(), h.initRequest("t", transaction.None))
		h.wantCode("InitProducerId", r.ErrorCode, kerr.CoordinatorNotAvailable)
		if err := <-h.beginJoin("t", transaction.Producer{}, a0); err != kerr.InvalidProducerIDMapping {
			h.t.Errorf("join: %v", err)
		}
		h.store.Set(statetopictest.Faults{})
		h.init("t")
	})
}
