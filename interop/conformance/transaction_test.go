package conformance

import (
	"fmt"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// txn is a transactional producer, over a connection to its coordinator and one
// to the leader of the partition that it writes.
type txn struct {
	coordinator, leader *conn
	t                   *testing.T
	id, topic           string
	producer            int64
	epoch               int16
	sequence            int32
}

// newTxn initializes a producer that writes to partition 0 of a topic.
func newTxn(t *testing.T, id, topic string) *txn {
	t.Helper()
	x := &txn{
		t: t, id: id, topic: topic,
		coordinator: dial(t, coordinator(t, 1, id)), leader: dial(t, leader(t, topic, 0)),
	}
	x.init()
	return x
}

// init begins with a new epoch.
func (x *txn) init() {
	x.t.Helper()
	req := kmsg.NewPtrInitProducerIDRequest()
	req.TransactionalID, req.TransactionTimeoutMillis = &x.id, 30_000
	eventually(x.t, func() error {
		resp := x.coordinator.do(req, 5).(*kmsg.InitProducerIDResponse)
		x.producer, x.epoch, x.sequence = resp.ProducerID, resp.ProducerEpoch, 0
		return code(resp.ErrorCode)
	})
}

// join adds the partition to the transaction, as clients of the first version of
// transactions do.
func (x *txn) join() int16 {
	x.t.Helper()
	req := kmsg.NewPtrAddPartitionsToTxnRequest()
	req.TransactionalID, req.ProducerID, req.ProducerEpoch = x.id, x.producer, x.epoch
	req.Topics = []kmsg.AddPartitionsToTxnRequestTopic{{Topic: x.topic, Partitions: []int32{0}}}
	var got int16
	eventually(x.t, func() error {
		got = x.coordinator.do(req, 3).(*kmsg.AddPartitionsToTxnResponse).Topics[0].Partitions[0].ErrorCode
		return settled(got)
	})
	return got
}

// settled is nil unless a transaction before is still being ended.
func settled(c int16) error {
	if c == kerr.ConcurrentTransactions.Code || c == kerr.CoordinatorLoadInProgress.Code {
		return code(c)
	}
	return nil
}

// write writes values, by the Produce version that says which version of
// transactions it is: 11 needs join before, 12 does not (KIP-890).
func (x *txn) write(version int16, values ...string) int16 {
	x.t.Helper()
	b := of(values...).by(x.producer, x.epoch, x.sequence)
	b.attributes = transactional
	req := produceRequest(x.topic, 0, -1, b.bytes())
	req.TransactionID = &x.id
	var got int16
	eventually(x.t, func() error {
		got = x.leader.do(req, version).(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode
		return settled(got)
	})
	if got == 0 {
		x.sequence += int32(len(values))
	}
	return got
}

// end commits or aborts. From version 5 on the answer has the epoch to go on with.
func (x *txn) end(version int16, commit bool) int16 {
	x.t.Helper()
	req := kmsg.NewPtrEndTxnRequest()
	req.TransactionalID, req.ProducerID, req.ProducerEpoch, req.Commit = x.id, x.producer, x.epoch, commit
	var resp *kmsg.EndTxnResponse
	eventually(x.t, func() error {
		resp = x.coordinator.do(req, version).(*kmsg.EndTxnResponse)
		return settled(resp.ErrorCode)
	})
	switch {
	case version < 5:
	case resp.ErrorCode != 0:
		if resp.ProducerID != -1 || resp.ProducerEpoch != -1 {
			x.t.Errorf("refused, and told to go on as %d/%d", resp.ProducerID, resp.ProducerEpoch)
		}
	default:
		x.producer, x.epoch, x.sequence = resp.ProducerID, resp.ProducerEpoch, 0
	}
	return resp.ErrorCode
}

// committedValues reads what is committed, up to the last stable offset.
func committedValues(t *testing.T, c *conn, topic string) []string {
	t.Helper()
	req := fetchRequest(topic, 0)
	req.IsolationLevel = 1
	p := c.do(req, 12).(*kmsg.FetchResponse).Topics[0].Partitions[0]
	if p.ErrorCode != 0 {
		t.Fatalf("fetch: %s", codeName(p.ErrorCode))
	}
	var all []string
	records := p.RecordBatches
	for len(records) > 0 {
		var b kmsg.RecordBatch
		if err := b.ReadFrom(records); err != nil {
			t.Fatal(err)
		}
		records = records[lengthOfOffset+b.Length:]
		if b.Attributes&(1<<5) == 0 && !abortedAt(p.AbortedTransactions, &b) {
			all = append(all, valuesOf(t, &b)...)
		}
	}
	return all
}

// abortedAt tells whether the batch is of one of the aborted transactions. Those of
// these tests do not overlap, so a producer's first offset at or below the batch
// is enough together with the markers that follow.
func abortedAt(aborted []kmsg.FetchResponseTopicPartitionAbortedTransaction, b *kmsg.RecordBatch) bool {
	return slices.ContainsFunc(aborted, func(a kmsg.FetchResponseTopicPartitionAbortedTransaction) bool {
		return a.ProducerID == b.ProducerID && a.FirstOffset == b.FirstOffset
	})
}

func valuesOf(t *testing.T, b *kmsg.RecordBatch) []string {
	t.Helper()
	var all []string
	rest := b.Records
	for range b.NumRecords {
		var r kmsg.Record
		if err := r.ReadFrom(rest); err != nil {
			t.Fatal(err)
		}
		all = append(all, string(r.Value))
		rest = rest[len(r.AppendTo(nil)):]
	}
	return all
}

// wantCommitted waits until exactly these values are committed: the markers come
// a moment after the end is answered.
func wantCommitted(t *testing.T, c *conn, topic string, want ...string) {
	t.Helper()
	eventually(t, func() error {
		if got := committedValues(t, c, topic); !slices.Equal(got, want) {
			return fmt.Errorf("committed are %q, want %q", got, want)
		}
		return nil
	})
}

func TestTransactionsAreCommittedAndAborted(t *testing.T) {
	for _, v := range []struct {
		name         string
		produce, end int16
	}{{"first version", 11, 4}, {"second version", 12, 5}} {
		t.Run(v.name, func(t *testing.T) {
			c, topic := newLog(t)
			x := newTxn(t, name(t, "id"), topic)
			for i, commit := range []bool{true, false, true} {
				if v.produce < 12 {
					wantCode(t, "join", x.join(), nil)
				}
				wantCode(t, "write", x.write(v.produce, fmt.Sprint("a", i), fmt.Sprint("b", i)), nil)
				if p := c.fetch(topic, 0); p.LastStableOffset != int64(3*i) || p.HighWatermark != int64(3*i+2) {
					t.Errorf("within transaction %d: last stable offset %d, high watermark %d", i, p.LastStableOffset, p.HighWatermark)
				}
				wantCode(t, "end", x.end(v.end, commit), nil)
				eventually(t, func() error {
					if p := c.fetch(topic, 0); p.LastStableOffset != int64(3*i+3) {
						return fmt.Errorf("last stable offset %d", p.LastStableOffset)
					}
					return nil
				})
			}
			wantCommitted(t, c, topic, "a0", "b0", "a2", "b2")
			wantCode(t, "commit again, of nothing", x.end(v.end, true), endOfNothing(v.end))
		})
	}
}

// endOfNothing is what the end of a transaction that did not begin, after one
// that was committed, is answered: a repetition by the first version's rules.
func endOfNothing(version int16) *kerr.Error {
	if version >= 5 {
		return kerr.InvalidTxnState
	}
	return nil
}

func TestTheEpochRisesWithEachTransactionOfTheSecondVersion(t *testing.T) {
	_, topic := newLog(t)
	x := newTxn(t, name(t, "id"), topic)
	for i := range int16(3) {
		before := x.epoch
		wantCode(t, "write", x.write(12, "a"), nil)
		wantCode(t, "end", x.end(5, i%2 == 0), nil)
		if x.epoch != before+1 {
			t.Errorf("epoch %d after %d", x.epoch, before)
		}
	}
}

func TestAReadCommittedReaderSeesNothingOfAnOpenTransaction(t *testing.T) {
	c, topic := newLog(t)
	c.mustProduce(topic, of("before"))
	x := newTxn(t, name(t, "id"), topic)
	wantCode(t, "join", x.join(), nil)
	wantCode(t, "write", x.write(11, "a"), nil)
	c.mustProduce(topic, of("after"))
	wantCommitted(t, c, topic, "before")
	list := kmsg.NewPtrListOffsetsRequest()
	list.ReplicaID, list.IsolationLevel = -1, 1
	rp := kmsg.NewListOffsetsRequestTopicPartition()
	rp.Timestamp = -1
	list.Topics = []kmsg.ListOffsetsRequestTopic{{Topic: topic, Partitions: []kmsg.ListOffsetsRequestTopicPartition{rp}}}
	if got := c.do(list, 7).(*kmsg.ListOffsetsResponse).Topics[0].Partitions[0]; got.Offset != 1 {
		t.Errorf("the end is at %d for those who read what is committed", got.Offset)
	}
	wantCode(t, "end", x.end(4, true), nil)
	wantCommitted(t, c, topic, "before", "a", "after")
}

func TestANewProducerFencesTheOld(t *testing.T) {
	c, topic := newLog(t)
	old := newTxn(t, name(t, "id"), topic)
	wantCode(t, "join", old.join(), nil)
	wantCode(t, "write", old.write(11, "of the old one"), nil)
	fresh := newTxn(t, old.id, topic) // aborts what the old one began
	if fresh.producer != old.producer || fresh.epoch <= old.epoch {
		t.Errorf("the new one is %d/%d, the old one %d/%d", fresh.producer, fresh.epoch, old.producer, old.epoch)
	}
	wantCode(t, "join of the old one", old.join(), kerr.ProducerFenced)
	wantCode(t, "end of the old one", old.end(4, true), kerr.ProducerFenced)
	wantCode(t, "write of the old one", old.write(11, "late"), kerr.InvalidProducerEpoch)
	wantCode(t, "join", fresh.join(), nil)
	wantCode(t, "write", fresh.write(11, "of the new one"), nil)
	wantCode(t, "end", fresh.end(4, true), nil)
	wantCommitted(t, c, topic, "of the new one")
}

func TestWritingOutsideOfATransaction(t *testing.T) {
	_, topic := newLog(t)
	x := newTxn(t, name(t, "id"), topic)
	wantCode(t, "without having joined", x.write(11, "a"), kerr.TransactionAbortable)
	wantCode(t, "the same, of a version that does not know that code", x.write(10, "a"), kerr.InvalidTxnState)
	wantCode(t, "end of nothing", x.end(4, true), kerr.InvalidTxnState)
	wantCode(t, "abort of nothing", x.end(4, false), kerr.InvalidTxnState)
}

func TestATransactionThatTakesTooLongIsAborted(t *testing.T) {
	c, topic := newLog(t)
	x := newTxn(t, name(t, "id"), topic)
	req := kmsg.NewPtrInitProducerIDRequest()
	req.TransactionalID, req.TransactionTimeoutMillis = &x.id, 500
	eventually(t, func() error {
		resp := x.coordinator.do(req, 5).(*kmsg.InitProducerIDResponse)
		x.producer, x.epoch, x.sequence = resp.ProducerID, resp.ProducerEpoch, 0
		return code(resp.ErrorCode)
	})
	wantCode(t, "join", x.join(), nil)
	wantCode(t, "write", x.write(11, "slow"), nil)
	eventually(t, func() error {
		if p := c.fetch(topic, 0); p.LastStableOffset != 2 {
			return fmt.Errorf("last stable offset %d", p.LastStableOffset)
		}
		return nil
	})
	wantCommitted(t, c, topic)
	wantCode(t, "end", x.end(4, true), kerr.ProducerFenced)
}

func TestOffsetsAreCommittedWithTheirTransaction(t *testing.T) {
	_, topic := newLog(t)
	x := newTxn(t, name(t, "id"), topic)
	group := name(t, "group")
	g := dial(t, coordinator(t, 0, group))
	for i, commit := range []bool{true, false} {
		add := kmsg.NewPtrAddOffsetsToTxnRequest()
		add.TransactionalID, add.ProducerID, add.ProducerEpoch, add.Group = x.id, x.producer, x.epoch, group
		eventually(t, func() error { return code(x.coordinator.do(add, 3).(*kmsg.AddOffsetsToTxnResponse).ErrorCode) })
		req := kmsg.NewPtrTxnOffsetCommitRequest()
		req.TransactionalID, req.Group, req.ProducerID, req.ProducerEpoch = x.id, group, x.producer, x.epoch
		rp := kmsg.NewTxnOffsetCommitRequestTopicPartition()
		rp.Offset = int64(10 + i)
		req.Topics = []kmsg.TxnOffsetCommitRequestTopic{{Topic: topic, Partitions: []kmsg.TxnOffsetCommitRequestTopicPartition{rp}}}
		wantCode(t, "commit", g.do(req, 3).(*kmsg.TxnOffsetCommitResponse).Topics[0].Partitions[0].ErrorCode, nil)
		before := int64(-1)
		if i > 0 {
			before = 10
		}
		if p := offsetOf(g, group, topic, false); p.Offset != before {
			t.Errorf("within transaction %d the offset is %d, want %d", i, p.Offset, before)
		}
		wantCode(t, "a stable fetch", offsetOf(g, group, topic, true).ErrorCode, kerr.UnstableOffsetCommit)
		wantCode(t, "end", x.end(4, commit), nil)
		eventually(t, func() error {
			p := offsetOf(g, group, topic, true)
			if p.ErrorCode == 0 && p.Offset != 10 {
				t.Fatalf("after transaction %d the offset is %d", i, p.Offset)
			}
			return code(p.ErrorCode)
		})
	}
}

// offsetOf is the committed offset of partition 0.
func offsetOf(c *conn, group, topic string, stable bool) kmsg.OffsetFetchResponseGroupTopicPartition {
	c.t.Helper()
	req := kmsg.NewPtrOffsetFetchRequest()
	req.RequireStable = stable
	rg := kmsg.NewOffsetFetchRequestGroup()
	rg.Group, rg.Topics = group, []kmsg.OffsetFetchRequestGroupTopic{{Topic: topic, Partitions: []int32{0}}}
	req.Groups = append(req.Groups, rg)
	return c.do(req, 8).(*kmsg.OffsetFetchResponse).Groups[0].Topics[0].Partitions[0]
}

func TestTransactionsAreDescribed(t *testing.T) {
	c, topic := newLog(t)
	x := newTxn(t, name(t, "id"), topic)
	state := func() kmsg.DescribeTransactionsResponseTransactionState {
		req := kmsg.NewPtrDescribeTransactionsRequest()
		req.TransactionalIDs = []string{x.id}
		return x.coordinator.do(req, 0).(*kmsg.DescribeTransactionsResponse).TransactionStates[0]
	}
	if s := state(); s.State != "Empty" || s.TimeoutMillis != 30_000 || s.StartTimestamp != -1 || len(s.Topics) != 0 {
		t.Errorf("%+v", s)
	}
	wantCode(t, "join", x.join(), nil)
	wantCode(t, "write", x.write(11, "a"), nil)
	s := state()
	if s.State != "Ongoing" || s.StartTimestamp <= 0 || s.ProducerID != x.producer || s.ProducerEpoch != x.epoch || len(s.Topics) != 1 || s.Topics[0].Topic != topic {
		t.Errorf("%+v", s)
	}
	producers := kmsg.NewPtrDescribeProducersRequest()
	producers.Topics = []kmsg.DescribeProducersRequestTopic{{Topic: topic, Partitions: []int32{0}}}
	p := c.do(producers, 0).(*kmsg.DescribeProducersResponse).Topics[0].Partitions[0]
	if len(p.ActiveProducers) != 1 || p.ActiveProducers[0].ProducerID != x.producer || p.ActiveProducers[0].CurrentTxnStartOffset != 0 || p.ActiveProducers[0].LastSequence != 0 {
		t.Errorf("%+v", p)
	}
	list := kmsg.NewPtrListTransactionsRequest()
	list.ProducerIDFilters, list.StateFilters = []int64{x.producer}, []string{"Ongoing"}
	if found := x.coordinator.do(list, 0).(*kmsg.ListTransactionsResponse).TransactionStates; len(found) != 1 || found[0].TransactionalID != x.id {
		t.Errorf("%+v", found)
	}
	wantCode(t, "end", x.end(4, true), nil)
	eventually(t, func() error {
		if s := state(); s.State != "CompleteCommit" {
			return fmt.Errorf("state %s", s.State)
		}
		return nil
	})
	p = c.do(producers, 0).(*kmsg.DescribeProducersResponse).Topics[0].Partitions[0]
	if len(p.ActiveProducers) != 1 || p.ActiveProducers[0].CurrentTxnStartOffset != -1 {
		t.Errorf("%+v", p)
	}
}
