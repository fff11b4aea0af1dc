package group

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/log/batch"
)

// OffsetsPartition calls then with the partition of __consumer_offsets that keeps
// the group, once the topic exists, or with why it does not.
func (c *Coordinator) OffsetsPartition(group string, then func(int32, *kerr.Error)) {
	c.topic.WhenThere(group, func(err *kerr.Error) {
		if err != nil {
			then(0, err)
			return
		}
		then(c.topic.PartitionFor(group), nil)
	})
}

// TxnOffsetCommit answers TxnOffsetCommit (versions 0 to 5) once the offsets are
// durable as part of the producer's transaction: they become visible when it is
// committed. From version 3 on a producer says which member it commits for, and
// is fenced as that member is (KIP-447). admit tells whether the transaction is
// going on; it is asked first, and has the last word with the partition's lock held.
func (c *Coordinator) TxnOffsetCommit(req *kmsg.TxnOffsetCommitRequest, admit func() *kerr.Error, reply func(*kmsg.TxnOffsetCommitResponse)) {
	k := c.newCommit(asOffsetCommit(req))
	k.txn = &inTransaction{batch.Producer{ID: req.ProducerID, Epoch: req.ProducerEpoch, Sequence: batch.NoSequence}, admit}
	answer := func(*kmsg.OffsetCommitResponse) { reply(asTxnResponse(req, k.resp)) }
	fail := func(err *kerr.Error) {
		k.fail(err)
		answer(k.resp)
	}
	if req.Group == "" {
		fail(kerr.InvalidGroupID)
		return
	}
	c.topic.WhenThere(req.Group, func(err *kerr.Error) {
		if err == nil {
			err = admit() // nothing is noted of transactions that there are not
		}
		if err != nil {
			fail(err)
			return
		}
		look := c.find
		if req.Generation < 0 { // an offset alone makes a group
			look = c.obtain
		}
		if !c.with(req.Group, look, func(e *entry, now time.Time) { c.commit(e, now, k, answer) }) {
			fail(c.missing(kerr.IllegalGeneration))
		}
	})
}

// RefuseTxnOffsetCommit is the answer that gives err for every partition.
func RefuseTxnOffsetCommit(req *kmsg.TxnOffsetCommitRequest, err *kerr.Error) *kmsg.TxnOffsetCommitResponse {
	resp := req.ResponseKind().(*kmsg.TxnOffsetCommitResponse)
	for _, rt := range req.Topics {
		st := kmsg.NewTxnOffsetCommitResponseTopic()
		st.Topic = rt.Topic
		for _, rp := range rt.Partitions {
			sp := kmsg.NewTxnOffsetCommitResponseTopicPartition()
			sp.Partition, sp.ErrorCode = rp.Partition, err.Code
			st.Partitions = append(st.Partitions, sp)
		}
		resp.Topics = append(resp.Topics, st)
	}
	return resp
}

// asOffsetCommit is the request as it would be without a transaction.
func asOffsetCommit(req *kmsg.TxnOffsetCommitRequest) *kmsg.OffsetCommitRequest {
	o := kmsg.NewPtrOffsetCommitRequest()
	o.Version, o.Group, o.Generation, o.MemberID, o.InstanceID = 9, req.Group, req.Generation, req.MemberID, req.InstanceID
	for _, rt := range req.Topics {
		t := kmsg.NewOffsetCommitRequestTopic()
		t.Topic = rt.Topic
		for _, rp := range rt.Partitions {
			p := kmsg.NewOffsetCommitRequestTopicPartition()
			p.Partition, p.Offset, p.LeaderEpoch, p.Metadata = rp.Partition, rp.Offset, rp.LeaderEpoch, rp.Metadata
			t.Partitions = append(t.Partitions, p)
		}
		o.Topics = append(o.Topics, t)
	}
	return o
}

func asTxnResponse(req *kmsg.TxnOffsetCommitRequest, o *kmsg.OffsetCommitResponse) *kmsg.TxnOffsetCommitResponse {
	resp := req.ResponseKind().(*kmsg.TxnOffsetCommitResponse)
	for _, ot := range o.Topics {
		st := kmsg.NewTxnOffsetCommitResponseTopic()
		st.Topic = ot.Topic
		for _, op := range ot.Partitions {
			sp := kmsg.NewTxnOffsetCommitResponseTopicPartition()
			sp.Partition, sp.ErrorCode = op.Partition, op.ErrorCode
			st.Partitions = append(st.Partitions, sp)
		}
		resp.Topics = append(resp.Topics, st)
	}
	return resp
}
