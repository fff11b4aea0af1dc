package broker

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/evidentlog/evident/internal/broker/metadata"
	"github.com/evidentlog/evident/internal/broker/txn/transaction"
	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/internal/vfs"
)

// oldVersions makes a client speak as Kafka 3.9 did: transactions of version 0.
func oldVersions() kgo.Opt {
	v := kversion.V3_9_0()
	return kgo.MaxVersions(v)
}

// transactor is a client with a transactional id.
func (s *server) transactor(id string, opts ...kgo.Opt) *kgo.Client {
	return s.client(append([]kgo.Opt{kgo.TransactionalID(id), kgo.ProducerLinger(0)}, opts...)...)
}

func (s *server) begin(c *kgo.Client) {
	s.t.Helper()
	if err := c.BeginTransaction(); err != nil {
		s.t.Fatal(err)
	}
}

func (s *server) end(c *kgo.Client, how kgo.TransactionEndTry) {
	s.t.Helper()
	if err := c.EndTransaction(s.t.Context(), how); err != nil {
		s.t.Fatal(err)
	}
}

// transact writes the values in one transaction.
func (s *server) transact(c *kgo.Client, topic string, how kgo.TransactionEndTry, values ...string) {
	s.t.Helper()
	s.begin(c)
	s.produce(c, topic, values...)
	s.end(c, how)
}

// eachClient runs f with clients of both transaction versions.
func eachClient(t *testing.T, f func(t *testing.T, opts ...kgo.Opt)) {
	t.Run("version 0", func(t *testing.T) { f(t, oldVersions()) })
	t.Run("version 2", func(t *testing.T) { f(t) })
}

func committed() kgo.Opt { return kgo.FetchIsolationLevel(kgo.ReadCommitted()) }

func TestReadersSeeCommittedTransactionsOnly(t *testing.T) {
	eachClient(t, func(t *testing.T, opts ...kgo.Opt) {
		s := start(t)
		s.create(1, nil, "t")
		c := s.transactor("tx", opts...)
		var want []string
		for i := range 20 {
			value := fmt.Sprint("r", i)
			if i%3 == 0 {
				s.transact(c, "t", kgo.TryAbort, value)
				continue
			}
			s.transact(c, "t", kgo.TryCommit, value)
			want = append(want, value)
		}
		got := consume(t, s.client(kgo.ConsumeTopics("t"), committed()), len(want))
		if !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		all := consume(t, s.client(kgo.ConsumeTopics("t")), 20)
		if len(all) != 20 {
			t.Errorf("readers of all records got %v", all)
		}
	})
}

func TestOpenTransactionHoldsReadersBack(t *testing.T) {
	s := start(t)
	s.create(1, nil, "t")
	open, other := s.transactor("open"), s.transactor("other")
	s.transact(other, "t", kgo.TryCommit, "before")
	s.awaitComplete("other") // so that its marker is in front of the open transaction
	s.begin(open)
	s.produce(open, "t", "open")
	s.transact(other, "t", kgo.TryCommit, "after")
	reader := s.client(kgo.ConsumeTopics("t"), committed(), kgo.FetchMaxWait(50*time.Millisecond))
	if got := consume(t, reader, 1); got[0] != "before" {
		t.Errorf("got %v", got)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if got := reader.PollFetches(ctx); got.NumRecords() > 0 {
		t.Errorf("a reader got beyond an open transaction: %v", got.Records())
	}
	admin := s.admin()
	committed, err := admin.ListCommittedOffsets(t.Context(), "t")
	if o, _ := committed.Lookup("t", 0); err != nil || o.Offset != 2 {
		t.Errorf("last stable offset: %+v, %v", o, err)
	}
	s.end(open, kgo.TryCommit)
	if got := consume(t, reader, 2); !slices.Equal(got, []string{"open", "after"}) {
		t.Errorf("got %v", got)
	}
}

// A transaction is all or nothing over partitions of several topics.
func TestTransactionSpansPartitions(t *testing.T) {
	eachClient(t, func(t *testing.T, opts ...kgo.Opt) {
		s := start(t)
		s.create(3, nil, "a", "b")
		c := s.transactor("tx", append(opts, kgo.RecordPartitioner(kgo.RoundRobinPartitioner()))...)
		for i, how := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort, kgo.TryCommit} {
			s.begin(c)
			for _, topic := range []string{"a", "b"} {
				for j := range 9 {
					s.produce(c, topic, fmt.Sprint(i, "-", j))
				}
			}
			s.end(c, how)
		}
		got := consume(t, s.client(kgo.ConsumeTopics("a", "b"), committed()), 36)
		for _, v := range got {
			if v[0] == '1' {
				t.Errorf("an aborted record was read: %s", v)
			}
		}
	})
}

func TestTransactionsOutliveTheBroker(t *testing.T) {
	eachClient(t, func(t *testing.T, opts ...kgo.Opt) {
		s := start(t)
		s.create(1, nil, "t")
		dialer, move := follow(s)
		c := s.transactor("tx", append(opts, dialer, kgo.RequestRetries(1000), kgo.RetryBackoffFn(func(int) time.Duration { return 10 * time.Millisecond }))...)
		s.transact(c, "t", kgo.TryCommit, "a")
		s.begin(c)
		s.produce(c, "t", "b")
		s.stop()
		again := startOn(t, s.fs)
		move(again)
		again.produce(c, "t", "c")
		again.end(c, kgo.TryCommit)
		if got := consume(t, again.client(kgo.ConsumeTopics("t"), committed()), 3); !slices.Equal(got, []string{"a", "b", "c"}) {
			t.Errorf("got %v", got)
		}
	})
}

func TestSecondProducerFencesTheFirst(t *testing.T) {
	eachClient(t, func(t *testing.T, opts ...kgo.Opt) {
		s := start(t)
		s.create(1, nil, "t")
		first, second := s.transactor("tx", opts...), s.transactor("tx", opts...)
		s.begin(first)
		s.produce(first, "t", "first")
		s.begin(second)
		s.produce(second, "t", "second")
		err := first.ProduceSync(t.Context(), &kgo.Record{Topic: "t", Value: []byte("zombie")}).FirstErr()
		if err == nil {
			t.Error("a fenced producer writes")
		}
		if err := first.EndTransaction(t.Context(), kgo.TryCommit); err == nil {
			t.Error("a fenced producer commits")
		}
		s.end(second, kgo.TryCommit)
		if got := consume(t, s.client(kgo.ConsumeTopics("t"), committed()), 1); got[0] != "second" {
			t.Errorf("got %v", got)
		}
	})
}

// txnProduce is a Produce request with one record of a transaction.
func txnProduce(t testing.TB, version int16, id string, topic *metadata.Topic, p transaction.Producer, sequence int32, value string) *kmsg.ProduceRequest {
	t.Helper()
	head := batch.Head{Transactional: true, Producer: &batch.Producer{ID: p.ID, Epoch: p.Epoch, Sequence: sequence}}
	req := produceRequest(version, -1, topic, records(t, head, value))
	req.TransactionID = &id
	return req
}

func initTxnRequest(id string) *kmsg.InitProducerIDRequest {
	req := kmsg.NewPtrInitProducerIDRequest()
	req.Version, req.TransactionalID, req.TransactionTimeoutMillis = 5, &id, 60_000
	return req
}

// initTxn begins as a producer.
func (r *raw) initTxn(id string) transaction.Producer {
	r.t.Helper()
	resp := ask[*kmsg.InitProducerIDResponse](r, initTxnRequest(id))
	if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
		r.t.Fatal(err)
	}
	return transaction.Producer{ID: resp.ProducerID, Epoch: resp.ProducerEpoch}
}

func (r *raw) endTxn(version int16, id string, p transaction.Producer, commit bool) *kmsg.EndTxnResponse {
	req := kmsg.NewPtrEndTxnRequest()
	req.Version, req.TransactionalID, req.ProducerID, req.ProducerEpoch, req.Commit = version, id, p.ID, p.Epoch, commit
	return ask[*kmsg.EndTxnResponse](r, req)
}

func (r *raw) addPartition(id string, p transaction.Producer, topic string, n int32) int16 {
	req := kmsg.NewPtrAddPartitionsToTxnRequest()
	req.Version, req.TransactionalID, req.ProducerID, req.ProducerEpoch = 3, id, p.ID, p.Epoch
	req.Topics = []kmsg.AddPartitionsToTxnRequestTopic{{Topic: topic, Partitions: []int32{n}}}
	return ask[*kmsg.AddPartitionsToTxnResponse](r, req).Topics[0].Partitions[0].ErrorCode
}

func produceCode(r *kmsg.ProduceResponse) error {
	return kerr.ErrorForCode(r.Topics[0].Partitions[0].ErrorCode)
}

// Records that come to the wrong time are refused in the terms of the client's
// version (KIP-890).
func TestRecordsOutsideTheirTransaction(t *testing.T) {
	s := start(t)
	s.create(2, nil, "t")
	topic := s.store.Snapshot().Topic("t")
	c := s.dial()
	p := c.initTxn("tx")
	want := func(what string, got error, want *kerr.Error) {
		t.Helper()
		if got != error(want) && !(got == nil && want == nil) {
			t.Errorf("%s: got %v, want %v", what, got, want)
		}
	}
	produce := func(version int16, p transaction.Producer, sequence int32) error {
		return produceCode(ask[*kmsg.ProduceResponse](c, txnProduce(t, version, "tx", topic, p, sequence, "x")))
	}
	want("not added, version 10", produce(10, p, 0), kerr.InvalidTxnState)
	want("not added, version 11", produce(11, p, 0), kerr.TransactionAbortable)
	want("an unknown partition", kerr.ErrorForCode(c.addPartition("tx", p, "t", 9)), kerr.UnknownTopicOrPartition)
	want("added", kerr.ErrorForCode(c.addPartition("tx", p, "t", 0)), nil)
	want("in the transaction", produce(11, p, 0), nil)
	want("sent again", produce(11, p, 0), nil)
	want("after a gap", produce(11, p, 7), kerr.OutOfOrderSequenceNumber)
	want("of an old epoch", produce(11, transaction.Producer{ID: p.ID, Epoch: -1 + p.Epoch}, 0), kerr.InvalidRecord)
	want("of another producer", produce(11, transaction.Producer{ID: p.ID + 1}, 0), kerr.InvalidProducerIDMapping)
	want("commit", kerr.ErrorForCode(c.endTxn(4, "tx", p, true).ErrorCode), nil)
	s.awaitComplete("tx")
	want("late", produce(10, p, 1), kerr.InvalidTxnState)
	// The same producer goes on with version 2.
	want("adds itself", produce(12, p, 1), nil)
	end := c.endTxn(5, "tx", p, false)
	want("abort", kerr.ErrorForCode(end.ErrorCode), nil)
	want("late, with the epoch before", produce(12, p, 2), kerr.InvalidProducerEpoch)
	next := transaction.Producer{ID: end.ProducerID, Epoch: end.ProducerEpoch}
	want("of the next epoch", produce(12, next, 0), nil)
	want("commit", kerr.ErrorForCode(c.endTxn(5, "tx", next, true).ErrorCode), nil)
	if got := consume(t, s.client(kgo.ConsumeTopics("t"), committed()), 2); !slices.Equal(got, []string{"x", "x"}) {
		t.Errorf("got %v", got)
	}
}

// Where partitions cannot join the transaction nothing of the request is appended, also
// what belongs to none.
func TestARequestIsRefusedAsAWholeIfItsPartitionsCannotJoin(t *testing.T) {
	s := start(t)
	s.create(2, nil, "t")
	topic := s.store.Snapshot().Topic("t")
	c := s.dial()
	old := c.initTxn("tx")
	c.initTxn("tx")
	req := txnProduce(t, 12, "tx", topic, old, 0, "x")
	plain := produceRequest(12, -1, topic, records(t, batch.Head{}, "y")).Topics[0].Partitions[0]
	plain.Partition = 1
	req.Topics[0].Partitions = append(req.Topics[0].Partitions, plain)
	for _, p := range ask[*kmsg.ProduceResponse](c, req).Topics[0].Partitions {
		if err := kerr.ErrorForCode(p.ErrorCode); err != error(kerr.InvalidProducerEpoch) {
			t.Errorf("partition %d: %v", p.Partition, err)
		}
	}
	for n, p := range topic.Partitions {
		if p.HighWatermark() != 0 {
			t.Errorf("partition %d has records", n)
		}
	}
}

// Requests sent without waiting for answers keep their order, also where the
// first of them has to join a transaction, or to wait for the one before.
func TestRecordsKeepTheirOrderThroughTransactions(t *testing.T) {
	s := start(t)
	s.create(1, nil, "t")
	topic := s.store.Snapshot().Topic("t")
	c, control := s.dial(), s.dial()
	p := control.initTxn("tx")
	var want []string
	for round := range 20 {
		var reqs []kmsg.Request
		for i := range 5 {
			value := fmt.Sprint(round, "-", i)
			want = append(want, value)
			reqs = append(reqs, txnProduce(t, 12, "tx", topic, p, int32(i), value))
		}
		c.send(reqs...)
		for i, req := range reqs {
			resp := receive[*kmsg.ProduceResponse](c, req, c.correlation-int32(len(reqs)-1-i))
			if err := produceCode(resp); err != nil {
				t.Fatalf("round %d, record %d: %v", round, i, err)
			}
		}
		end := control.endTxn(5, "tx", p, true)
		if err := kerr.ErrorForCode(end.ErrorCode); err != nil {
			t.Fatal(err)
		}
		p = transaction.Producer{ID: end.ProducerID, Epoch: end.ProducerEpoch}
	}
	if got := consume(t, s.client(kgo.ConsumeTopics("t"), committed()), len(want)); !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

func TestTransactionsAreDescribed(t *testing.T) {
	s := start(t)
	s.create(1, nil, "t")
	c := s.transactor("tx")
	s.begin(c)
	s.produce(c, "t", "a")
	ctx, admin := t.Context(), s.admin()
	listed, err := admin.ListTransactions(ctx, nil, []string{"Ongoing"})
	if err != nil || len(listed) != 1 || listed["tx"].State != "Ongoing" {
		t.Fatalf("list: %v, %v", listed, err)
	}
	described, err := admin.DescribeTransactions(ctx, "tx")
	if d := described["tx"]; err != nil || d.State != "Ongoing" || !d.Topics.Lookup("t", 0) || d.ProducerID != listed["tx"].ProducerID {
		t.Errorf("describe: %+v, %v", described, err)
	}
	if d, _ := admin.DescribeTransactions(ctx, "no"); d["no"].Err != kerr.TransactionalIDNotFound {
		t.Errorf("describe one that there is not: %+v", d)
	}
	req := kmsg.NewPtrDescribeProducersRequest()
	req.Topics = []kmsg.DescribeProducersRequestTopic{{Topic: "t", Partitions: []int32{0, 1}}}
	producers := ask[*kmsg.DescribeProducersResponse](s.dial(), req).Topics[0].Partitions
	if a := producers[0].ActiveProducers; len(a) != 1 || a[0].ProducerID != listed["tx"].ProducerID || a[0].CurrentTxnStartOffset != 0 || a[0].LastSequence != 0 {
		t.Errorf("producers: %+v", producers[0])
	}
	if producers[1].ErrorCode != kerr.UnknownTopicOrPartition.Code {
		t.Errorf("producers of no partition: %+v", producers[1])
	}
	s.end(c, kgo.TryCommit)
	s.awaitComplete("tx")
}

// awaitComplete waits until the markers of the id's transaction are written.
func (s *server) awaitComplete(id string) {
	s.t.Helper()
	req := kmsg.NewPtrDescribeTransactionsRequest()
	req.TransactionalIDs = []string{id}
	s.await("completion", func() bool {
		state := s.transactions.DescribeTransactions(req).TransactionStates[0].State
		return state == "CompleteCommit" || state == "CompleteAbort"
	})
}

// A topic that is deleted does not keep its transaction from ending.
func TestTransactionOutlivesItsTopic(t *testing.T) {
	s := start(t)
	s.create(1, nil, "t", "gone")
	c := s.transactor("tx")
	s.begin(c)
	s.produce(c, "t", "a")
	s.produce(c, "gone", "b")
	if _, err := s.admin().DeleteTopic(t.Context(), "gone"); err != nil {
		t.Fatal(err)
	}
	s.end(c, kgo.TryCommit)
	s.transact(c, "t", kgo.TryCommit, "c")
	if got := consume(t, s.client(kgo.ConsumeTopics("t"), committed()), 2); !slices.Equal(got, []string{"a", "c"}) {
		t.Errorf("got %v", got)
	}
}

// A producer that was too slow for its transaction aborts it, and goes on.
func TestAProducerThatWasTooSlowGoesOn(t *testing.T) {
	s := start(t)
	s.create(1, nil, "t")
	c := s.transactor("tx", kgo.TransactionTimeout(100*time.Millisecond))
	s.begin(c)
	s.produce(c, "t", "slow")
	s.awaitComplete("tx")
	if err := c.ProduceSync(t.Context(), &kgo.Record{Topic: "t", Value: []byte("late")}).FirstErr(); err == nil {
		t.Error("a transaction that has been aborted goes on")
	}
	s.end(c, kgo.TryAbort)
	s.transact(c, "t", kgo.TryCommit, "next")
	if got := consume(t, s.client(kgo.ConsumeTopics("t"), committed()), 1); got[0] != "next" {
		t.Errorf("got %v", got)
	}
}

// A request that waits for a transition keeps what its memory is charged for.
func TestRequestsThatWaitArePaidFor(t *testing.T) {
	gate := make(chan struct{})
	var closed atomic.Bool
	disk := vfs.NewFaulty(vfs.NewMem(), func(op vfs.Op) error {
		if closed.Load() && op.Kind == vfs.OpSync {
			<-gate
		}
		return nil
	})
	s := startOn(t, disk)
	s.create(1, nil, "t")
	c := s.dial()
	p := c.initTxn("tx")
	free := func() int64 {
		s.budget.mu.Lock()
		defer s.budget.mu.Unlock()
		return s.budget.mu.free
	}
	all := free()
	closed.Store(true)
	req := kmsg.NewPtrAddPartitionsToTxnRequest()
	req.Version, req.TransactionalID, req.ProducerID, req.ProducerEpoch = 3, "tx", p.ID, p.Epoch
	req.Topics = []kmsg.AddPartitionsToTxnRequestTopic{{Topic: "t", Partitions: make([]int32, 10_000)}}
	c.send(req)
	s.await("the request", func() bool { return free() <= all-40_000 })
	for range 3 { // and it stays so
		if ask[*kmsg.ApiVersionsResponse](s.dial(), kmsg.NewPtrApiVersionsRequest()); free() > all-40_000 {
			t.Errorf("%d of %d bytes are free while the request waits", free(), all)
		}
	}
	closed.Store(false)
	close(gate)
	if resp := receive[*kmsg.AddPartitionsToTxnResponse](c, req, c.correlation); resp.Topics[0].Partitions[9_999].ErrorCode != 0 {
		t.Errorf("got %+v", resp.Topics[0].Partitions[9_999])
	}
	s.await("its memory", func() bool { return free() == all })
}
