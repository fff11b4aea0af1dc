package txn

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/evidentlog/evident/internal/broker/statetopic/statetopictest"
	"github.com/evidentlog/evident/internal/broker/txn/transaction"
)

// Records are written while it is being stored that their partition has joined, and
// only the answer waits. What joins side by side takes the time of one.
func TestRecordsDoNotWaitForTheirPartition(t *testing.T) {
	inBubble(t, func(h *harness) {
		p := h.init("t")
		h.store.Set(statetopictest.Faults{Delay: time.Second})
		var done []chan *kerr.Error
		for _, to := range []transaction.Partition{a0, a1, a0, b0} {
			joined, stored := h.beginEarly("t", p, to)
			if !answered(joined) || <-joined != nil || answered(stored) {
				h.t.Fatalf("%v: written %d, answered %d", to, len(joined), len(stored))
			}
			if err := h.Verify("t", p, to); err != nil {
				h.t.Fatalf("%v is not admitted: %v", to, err)
			}
			done = append(done, stored)
		}
		pass(time.Second)
		for _, stored := range done {
			if !answered(stored) || <-stored != nil {
				h.t.Fatal("not answered when it was durable")
			}
		}
		h.restart()
		h.wantState("t", transaction.Ongoing, a0, a1, b0)
	})
}

func TestTheEndComesBehindWhatJoins(t *testing.T) {
	for name, end := range map[string]func(h *harness, p transaction.Producer){
		"end": func(h *harness, p transaction.Producer) { begin(h.EndTxn, endRequest("t", p, false)) },
		"new producer": func(h *harness, _ transaction.Producer) {
			go h.InitProducerID(h.t.Context(), h.initRequest("t", transaction.None))
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(h *harness) {
				p := h.init("t")
				h.store.Set(statetopictest.Faults{Delay: 100 * time.Millisecond})
				h.beginEarly("t", p, a0)
				end(h, p)
				h.wantState("t", transaction.Ongoing, a0)
				late, _ := h.beginEarly("t", p, a1)
				pass(150 * time.Millisecond)
				h.wantState("t", transaction.Ongoing, a0) // the outcome is on its way
				h.wantMarkers()
				pass(200 * time.Millisecond)
				h.wantMarkers("abort a-0 of 101/1")
				if !answered(late) || <-late != kerr.ProducerFenced {
					h.t.Error("a partition joined behind the end")
				}
			})
		})
	}
}

// What could not be stored may have records: it is stored with what comes next,
// and before anybody is told that it is.
func TestJoiningThatFailsIsMadeGood(t *testing.T) {
	fail := statetopictest.Faults{Append: errDisk, Delay: time.Second}
	start := func(h *harness) transaction.Producer {
		p := h.init("t")
		h.store.Set(fail)
		joined, stored := h.beginEarly("t", p, a0)
		if <-joined != nil || <-stored != kerr.CoordinatorNotAvailable {
			h.t.Fatal("the client was not told to try again")
		}
		h.store.Set(statetopictest.Faults{Delay: time.Second})
		return p
	}
	for name, again := range map[string]func(h *harness, p transaction.Producer) <-chan *kerr.Error{
		"the same partition": func(h *harness, p transaction.Producer) <-chan *kerr.Error { return h.beginJoin("t", p, a0) },
		"another partition":  func(h *harness, p transaction.Producer) <-chan *kerr.Error { return h.beginJoin("t", p, b0) },
		"by a client of version 0": func(h *harness, p transaction.Producer) <-chan *kerr.Error {
			done := make(chan *kerr.Error, 1)
			h.add("t", p, []transaction.Partition{a0}, func(err *kerr.Error) { done <- err })
			return done
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(h *harness) {
				done := again(h, start(h))
				if answered(done) {
					h.t.Fatal("answered before it was durable")
				}
				pass(time.Second)
				if !answered(done) || <-done != nil {
					h.t.Fatal("not answered when it was durable")
				}
				h.store.Set(fail) // a restart finds only what is stored
				h.restart()
				if e, _ := h.find("t"); e.value.Load().Verify(transaction.Producer{ID: 101}, []transaction.Partition{a0}).Err != nil {
					h.t.Error("the partition is not stored")
				}
			})
		})
	}
	t.Run("the end", func(t *testing.T) {
		inBubble(t, func(h *harness) {
			h.end("t", start(h), true)
			h.wantMarkers("commit a-0 of 101/1")
		})
	})
}

// Of several on their way, one that fails takes nothing from a later one, which has
// all that it had.
func TestLaterJoiningCoversOneThatFailed(t *testing.T) {
	inBubble(t, func(h *harness) {
		p := h.init("t")
		h.store.Set(statetopictest.Faults{Append: errDisk, Delay: time.Second})
		_, first := h.beginEarly("t", p, a0)
		h.store.Set(statetopictest.Faults{Delay: 2 * time.Second})
		_, second := h.beginEarly("t", p, a1)
		pass(time.Second)
		_, third := h.beginEarly("t", p, a0)
		if <-first == nil || answered(third) {
			h.t.Error("answered without being durable")
		}
		pass(time.Second)
		if !answered(second) || <-second != nil || !answered(third) || <-third != nil {
			h.t.Error("not answered when it was durable")
		}
		if n := h.store.Count(); n != 2 {
			h.t.Errorf("%d records are stored, want that of the producer and one", n)
		}
	})
}

// Explicit requests are told that a partition is in the transaction when it is.
func TestExplicitRequestsWaitForTheDisk(t *testing.T) {
	inBubble(t, func(h *harness) {
		p := h.init("t")
		h.store.Set(statetopictest.Faults{Delay: time.Second})
		h.beginEarly("t", p, a0)
		done := make(chan *kerr.Error, 1)
		h.add("t", p, []transaction.Partition{a0}, func(err *kerr.Error) { done <- err })
		pass(time.Second - 1)
		if answered(done) {
			h.t.Error("answered before it was durable")
		}
		pass(1)
		if !answered(done) || <-done != nil {
			h.t.Error("not answered when it was durable")
		}
	})
}

// After an end that keeps the epoch, records of the next transaction could be taken
// for those of the one before.
func TestPartitionsOfAnOldEpochAreStoredFirst(t *testing.T) {
	inBubble(t, func(h *harness) {
		p := h.init("t")
		h.join("t", p, a0)
		old := endRequest("t", p, true)
		old.Version = 4
		h.wantCode("EndTxn", (<-begin(h.EndTxn, old)).ErrorCode, nil)
		h.wantMarkers("commit a-0 of 101/0")
		h.store.Set(statetopictest.Faults{Delay: time.Second})
		joined, done := h.beginEarly("t", p, a1)
		pass(time.Second - 1)
		if answered(joined) {
			h.t.Error("records may be written before their partition is stored")
		}
		pass(1)
		if !answered(joined) || !answered(done) || <-done != nil {
			h.t.Error("not answered when it was durable")
		}
	})
}

// halfJoined stops the coordinator when a partition has joined that is not stored,
// and starts another, which finds it open.
func (h *harness) halfJoined(id string, p transaction.Producer, in transaction.Partition) {
	h.store.Set(statetopictest.Faults{Delay: time.Second})
	joined, _ := h.beginEarly(id, p, in)
	if !answered(joined) || <-joined != nil {
		h.t.Fatal("it did not join")
	}
	h.log.set(func(l *memLog) { l.open = append(l.open, transaction.Open{In: in, By: p}) })
	h.restart()
	h.store.Set(statetopictest.Faults{})
}

// The commit that a start finds undone must not be done to the next transaction.
func TestMarkerOfOneTransactionDoesNotEndTheNext(t *testing.T) {
	for _, commit := range []bool{true, false} {
		inBubble(t, func(h *harness) {
			p := h.init("t")
			h.join("t", p, a0, a1)
			h.log.delay = time.Millisecond
			next := h.end("t", p, commit)
			h.store.Set(statetopictest.Faults{Append: errDisk}) // of the completion
			pass(10 * time.Millisecond)
			h.log.take()
			h.halfJoined("t", next, a0)
			pass(10 * time.Millisecond)
			h.wantMarkers()
			h.wantState("t", transaction.Ongoing, a0)
			h.join("t", next, a0)
			h.end("t", next, !commit)
			pass(10 * time.Millisecond)
			h.wantMarkers(map[bool]string{true: "abort", false: "commit"}[commit] + " a-0 of 101/2")
		})
	}
}

// Whatever becomes of its producer, what a crash left open ends.
func TestHalfJoinedTransactionEnds(t *testing.T) {
	for name, then := range map[string]func(h *harness, p transaction.Producer){
		"its producer is gone": func(*harness, transaction.Producer) { pass(65 * time.Second) },
		"a new producer":       func(h *harness, _ transaction.Producer) { h.init("t") },
		"its producer aborts":  func(h *harness, p transaction.Producer) { h.end("t", p, false) },
		"a second crash": func(h *harness, _ transaction.Producer) {
			h.restart()
			pass(65 * time.Second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(h *harness) {
				p := h.init("t")
				h.halfJoined("t", p, a0)
				h.wantState("t", transaction.Ongoing, a0)
				then(h, p)
				h.wantMarkers("abort a-0 of 101/1")
			})
		})
	}
}

func TestProducerGoesOnWithAHalfJoinedTransaction(t *testing.T) {
	inBubble(t, func(h *harness) {
		p := h.init("t")
		h.join("t", p, a0)
		h.halfJoined("t", p, b0)
		h.join("t", p, b0) // which is stored now
		h.log.set(func(l *memLog) { l.open = nil })
		h.restart()
		h.wantState("t", transaction.Ongoing, a0, b0)
		h.end("t", p, true)
		h.wantMarkers("commit a-0 of 101/1", "commit b-0 of 101/1")
	})
}

// Nothing is written for a producer while a partition has something open that is not
// of its transaction.
func TestNobodysTransactionEndsBeforeItsProducerIsServed(t *testing.T) {
	inBubble(t, func(h *harness) {
		p := h.init("t")
		h.end("t", p, false)
		next := transaction.Producer{ID: p.ID, Epoch: p.Epoch + 1}
		h.log.set(func(l *memLog) {
			l.open = []transaction.Open{{In: a0, By: p}}
			l.errs[a0] = errDisk
		})
		h.log.take()
		h.restart()
		if err := <-h.beginJoin("t", next, a0); err != kerr.CoordinatorLoadInProgress {
			h.t.Errorf("join: %v", err)
		}
		h.log.set(func(l *memLog) { delete(l.errs, a0) })
		pass(5 * time.Second)
		h.wantMarkers("abort a-0 of 101/1")
		h.join("t", next, a0)
	})
}

func TestTransactionsOfUnknownProducersEnd(t *testing.T) {
	inBubble(t, func(h *harness) {
		p := h.init("t")
		h.join("t", p, a0)
		h.log.set(func(l *memLog) {
			l.open = []transaction.Open{{In: a0, By: p}, {In: a1, By: transaction.Producer{ID: 55, Epoch: 3}}, {In: b0, By: transaction.Producer{ID: 56, Epoch: 3}}}
			l.errs[a1], l.errs[b0] = errDisk, ErrGone
		})
		h.store.Set(statetopictest.Faults{Read: errDisk})
		h.restart()
		h.wantMarkers() // as long as it is not known who is known
		h.store.Set(statetopictest.Faults{})
		h.log.set(func(l *memLog) { delete(l.errs, a1) })
		pass(10 * time.Second)
		h.wantMarkers("abort a-1 of 55/32767")
		h.wantState("t", transaction.Ongoing, a0)
	})
}

// What has been ended is not ended again because something else cannot be.
func TestUnknownProducersAreEndedOnce(t *testing.T) {
	inBubble(t, func(h *harness) {
		h.log.set(func(l *memLog) {
			l.open = []transaction.Open{{In: a0, By: transaction.Producer{ID: 55}}, {In: b0, By: transaction.Producer{ID: 56}}}
			l.errs[a0] = errDisk
		})
		h.restart()
		pass(10 * time.Second)
		h.wantMarkers("abort b-0 of 56/32767")
		h.log.set(func(l *memLog) { delete(l.errs, a0) })
		pass(10 * time.Second)
		h.wantMarkers("abort a-0 of 55/32767")
	})
}
