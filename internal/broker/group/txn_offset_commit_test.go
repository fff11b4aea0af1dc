package group

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/statetopic/statetopictest"
	"github.com/evidentlog/evident/internal/log/batch"
)

// txnCommitRequest commits one offset in a transaction of the producer, as no
// member.
func txnCommitRequest(producerID int64, group, topic string, partition int32, offset int64) *kmsg.TxnOffsetCommitRequest {
	req := kmsg.NewPtrTxnOffsetCommitRequest()
	req.Version, req.TransactionalID, req.ProducerID, req.Group = 5, "tx", producerID, group
	rp := kmsg.NewTxnOffsetCommitRequestTopicPartition()
	rp.Partition, rp.Offset, rp.LeaderEpoch, rp.Metadata = partition, offset, 3, kmsg.StringPtr("note")
	req.Topics = []kmsg.TxnOffsetCommitRequestTopic{{Topic: topic, Partitions: []kmsg.TxnOffsetCommitRequestTopicPartition{rp}}}
	return req
}

func admitted() *kerr.Error { return nil }

func (h *harness) beginTxnCommit(req *kmsg.TxnOffsetCommitRequest, admit func() *kerr.Error) <-chan *kmsg.TxnOffsetCommitResponse {
	reply := make(chan *kmsg.TxnOffsetCommitResponse, 1)
	h.TxnOffsetCommit(req, admit, func(r *kmsg.TxnOffsetCommitResponse) { reply <- r })
	return reply
}

func (h *harness) txnCommitCode(req *kmsg.TxnOffsetCommitRequest, admit func() *kerr.Error) int16 {
	return (<-h.beginTxnCommit(req, admit)).Topics[0].Partitions[0].ErrorCode
}

func (h *harness) txnCommit(producerID int64, group, topic string, partition int32, offset int64) {
	h.t.Helper()
	h.wantCode("TxnOffsetCommit", h.txnCommitCode(txnCommitRequest(producerID, group, topic, partition, offset), admitted), nil)
}

// endTxn ends the producer's transaction where the group's offsets are.
func (h *harness) endTxn(producerID int64, group string, commit bool) {
	h.t.Helper()
	done := make(chan error, 1)
	m := batch.Marker{ProducerID: producerID, Commit: commit}
	h.EndTransaction(h.topic.PartitionFor(group), m, func(err error) { done <- err })
	if err := <-done; err != nil {
		h.t.Fatalf("end the transaction: %v", err)
	}
	synctest.Wait()
}

// unstable tells whether a fetch that asks for stable offsets is to try again.
func (h *harness) unstable(group, topic string, partition int32) bool {
	h.t.Helper()
	req := fetchRequest(group, topic, partition)
	req.RequireStable = true
	switch p := call(h.OffsetFetch, req).Groups[0].Topics[0].Partitions[0]; p.ErrorCode {
	case kerr.UnstableOffsetCommit.Code:
		return true
	case 0:
		return false
	default:
		h.t.Fatalf("OffsetFetch: %v", kerr.ErrorForCode(p.ErrorCode))
		return false
	}
}

func TestOffsetsOfATransactionAppearAtItsEnd(t *testing.T) {
	for _, restart := range []bool{false, true} {
		inBubble(t, statetopictest.New(4), func(h *harness) {
			h.commit("g", "orders", 0, 1)
			h.txnCommit(7, "g", "orders", 0, 5)
			h.txnCommit(7, "new", "orders", 0, 6)
			h.txnCommit(8, "g", "orders", 1, 9)
			if restart {
				h.restart()
			}
			h.wantOffset("g", "orders", 0, 1)
			h.wantOffset("new", "orders", 0, -1)
			if !h.unstable("g", "orders", 0) || !h.unstable("new", "orders", 0) || h.unstable("g", "payments", 0) {
				h.t.Error("offsets in a transaction are said to be stable, or others not to be")
			}
			h.endTxn(8, "g", false)
			h.wantOffset("g", "orders", 1, -1)
			h.endTxn(7, "g", true)
			h.endTxn(7, "new", true)
			for range 2 {
				h.wantOffset("g", "orders", 0, 5)
				h.wantOffset("new", "orders", 0, 6)
				h.wantOffset("g", "orders", 1, -1)
				if h.unstable("g", "orders", 0) || h.unstable("g", "orders", 1) {
					h.t.Error("offsets are still unstable")
				}
				h.restart()
			}
		})
	}
}

// What was committed later than an offset in a transaction stays.
func TestLaterCommitOutlivesATransaction(t *testing.T) {
	inBubble(t, statetopictest.New(4), func(h *harness) {
		h.txnCommit(7, "g", "orders", 0, 5)
		h.commit("g", "orders", 0, 8)
		h.endTxn(7, "g", true)
		h.wantOffset("g", "orders", 0, 8)
		h.restart()
		h.wantOffset("g", "orders", 0, 8)
		h.txnCommit(7, "g", "orders", 0, 9)
		h.endTxn(7, "g", true)
		h.wantOffset("g", "orders", 0, 9)
	})
}

func TestOffsetsThatAreNotAdmitted(t *testing.T) {
	store := statetopictest.New(4)
	inBubble(t, store, func(h *harness) {
		before := store.Count()
		refused := func() *kerr.Error { return kerr.InvalidProducerEpoch }
		h.wantCode("TxnOffsetCommit", h.txnCommitCode(txnCommitRequest(7, "g", "orders", 0, 5), refused), kerr.InvalidProducerEpoch)
		if store.Count() != before {
			h.t.Error("it was written all the same")
		}
		if n := len(h.open.groups); n > 0 {
			h.t.Errorf("%d transactions are remembered that there are not", n)
		}
		h.wantGroups()
		h.wantCode("no group", h.txnCommitCode(txnCommitRequest(7, "", "orders", 0, 5), admitted), kerr.InvalidGroupID)
		h.wantCode("no topic", h.txnCommitCode(txnCommitRequest(7, "g", "none", 0, 5), admitted), kerr.UnknownTopicOrPartition)
		store.Set(statetopictest.Faults{MaxBatch: 10})
		h.wantCode("too large", h.txnCommitCode(txnCommitRequest(7, "g", "orders", 0, 5), admitted), kerr.InvalidCommitOffsetSize)
		store.Set(statetopictest.Faults{Append: errDisk})
		h.wantCode("a failing disk", h.txnCommitCode(txnCommitRequest(7, "g", "orders", 0, 5), admitted), kerr.CoordinatorNotAvailable)
	})
}

// A transaction may end between the first question and the last.
func TestOffsetsThatComeTooLate(t *testing.T) {
	inBubble(t, statetopictest.New(4), func(h *harness) {
		h.txnCommit(7, "g", "orders", 0, 5)
		for _, group := range []string{"g", "new"} {
			asked := 0
			late := func() *kerr.Error {
				if asked++; asked == 1 {
					return nil
				}
				return kerr.ConcurrentTransactions
			}
			h.wantCode("late", h.txnCommitCode(txnCommitRequest(7, group, "orders", 0, 6), late), kerr.ConcurrentTransactions)
		}
		h.endTxn(7, "g", true)
		h.endTxn(7, "new", true)
		h.wantOffset("g", "orders", 0, 5)
		h.wantOffset("new", "orders", 0, -1)
		h.wantGroups("g Empty")
		if n := len(h.open.groups); n > 0 {
			h.t.Errorf("%d transactions are remembered", n)
		}
	})
}

// A producer that commits for a member is fenced as the member is (KIP-447).
func TestProducersAreFencedWithTheirMember(t *testing.T) {
	inBubble(t, statetopictest.New(4), func(h *harness) {
		member, generation := h.stable("g", "orders")
		commit := func(member string, generation int32) int16 {
			req := txnCommitRequest(7, "g", "orders", 0, 5)
			req.MemberID, req.Generation = member, generation
			return h.txnCommitCode(req, admitted)
		}
		h.wantCode("the member", commit(member, generation), nil)
		h.wantCode("of an old generation", commit(member, generation-1), kerr.IllegalGeneration)
		h.wantCode("another member", commit("somebody", generation), kerr.UnknownMemberID)
		h.wantCode("an old client, which does not say", commit("", -1), nil)
		h.wantCode("of a group that is not there", func() int16 {
			req := txnCommitRequest(7, "none", "orders", 0, 5)
			req.MemberID, req.Generation = member, 1
			return h.txnCommitCode(req, admitted)
		}(), kerr.IllegalGeneration)
		// The consumer has joined anew, and waits for its assignment: its
		// transaction may still end.
		begin(h.Join, joinRequest("g", member, "orders"))
		h.wantCode("while the group rebalances", commit(member, generation+1), nil)
	})
}

// A marker that could not be written changes nothing, and can be written again.
func TestFailedEndOfATransaction(t *testing.T) {
	store := statetopictest.New(4)
	inBubble(t, store, func(h *harness) {
		h.txnCommit(7, "g", "orders", 0, 5)
		store.Set(statetopictest.Faults{Append: errDisk})
		done := make(chan error, 1)
		end := func() {
			h.EndTransaction(h.topic.PartitionFor("g"), batch.Marker{ProducerID: 7, Commit: true}, func(err error) { done <- err })
		}
		if end(); <-done == nil {
			h.t.Error("no error")
		}
		synctest.Wait()
		h.wantOffset("g", "orders", 0, -1)
		store.Set(statetopictest.Faults{Delay: time.Second})
		end()
		synctest.Wait()
		h.wantOffset("g", "orders", 0, -1)
		if err := <-done; err != nil {
			h.t.Error(err)
		}
		synctest.Wait()
		h.wantOffset("g", "orders", 0, 5)
	})
}

func TestPendingOffsetsKeepTheirGroup(t *testing.T) {
	inBubble(t, statetopictest.New(4), func(h *harness) {
		h.commit("g", "orders", 0, 1)
		pass(7*24*time.Hour - time.Hour)
		h.txnCommit(7, "g", "orders", 0, 5)
		pass(2 * time.Hour)
		h.wantGroups("g Empty")
		h.endTxn(7, "g", true)
		h.wantOffset("g", "orders", 0, 5)
		h.txnCommit(7, "only", "orders", 0, 5)
		h.wantGroups("g Empty", "only Empty")
		h.endTxn(7, "only", false)
		h.wantGroups("g Empty")
	})
}

// Offsets of a topic that was deleted meanwhile are dropped.
func TestTopicIsDeletedDuringATransaction(t *testing.T) {
	inBubble(t, statetopictest.New(4), func(h *harness) {
		h.txnCommit(7, "g", "orders", 0, 5)
		h.TopicDeleted("orders", h.topics.remove("orders"))
		h.topics.add("orders", 2, 10)
		h.endTxn(7, "g", true)
		h.wantOffset("g", "orders", 0, -1)
		h.restart()
		h.wantOffset("g", "orders", 0, -1)
	})
}

func TestMarkersWaitUntilThePartitionIsRead(t *testing.T) {
	store := statetopictest.New(4)
	inBubble(t, store, func(h *harness) {
		h.txnCommit(7, "g", "orders", 0, 5)
		h.stop()
		store.Set(statetopictest.Faults{ReadDelay: time.Minute})
		h.start()
		done := make(chan error, 1)
		h.EndTransaction(h.topic.PartitionFor("g"), batch.Marker{ProducerID: 7, Commit: true}, func(err error) { done <- err })
		if err := <-done; err != ErrLoading {
			h.t.Errorf("got %v", err)
		}
		pass(5 * time.Minute) // with one processor the four partitions are read in turn
		h.endTxn(7, "g", true)
		h.wantOffset("g", "orders", 0, 5)
	})
}

func TestTransactionalRecordsAreKafkas(t *testing.T) {
	store := statetopictest.New(1)
	inBubble(t, store, func(h *harness) {
		h.txnCommit(7, "g", "orders", 0, 5)
		raw := store.Batches(0)
		b := batch.Batch(raw[len(raw)-1])
		if !b.Attributes().Transactional() || b.Attributes().Control() || b.ProducerID() != 7 || b.BaseSequence() != batch.NoSequence {
			h.t.Errorf("attributes %v, producer %d, sequence %d", b.Attributes(), b.ProducerID(), b.BaseSequence())
		}
	})
}
