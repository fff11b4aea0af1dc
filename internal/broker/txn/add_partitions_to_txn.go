package txn

import (
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/txn/transaction"
)

// AddPartitionsToTxn answers AddPartitionsToTxn (versions 0 to 3; the later ones
// are for brokers among themselves) once the partitions are in the transaction,
// durably. Unless all can be written, none is added.
func (c *Coordinator) AddPartitionsToTxn(req *kmsg.AddPartitionsToTxnRequest, reply func(*kmsg.AddPartitionsToTxnResponse)) {
	ps := partitionsOf(req)
	wrong := map[transaction.Partition]*kerr.Error{}
	for _, p := range ps {
		if err := c.cfg.Log.Check(p); err != nil {
			wrong[p] = err
		}
	}
	if len(wrong) > 0 {
		reply(added(req, func(p transaction.Partition) int16 {
			if err := wrong[p]; err != nil {
				return err.Code
			}
			return kerr.OperationNotAttempted.Code
		}))
		return
	}
	producer := transaction.Producer{ID: req.ProducerID, Epoch: req.ProducerEpoch}
	c.add(req.TransactionalID, producer, ps, func(err *kerr.Error) {
		code := fencedCode(err, req.Version >= fencedKnown)
		reply(added(req, func(transaction.Partition) int16 { return code }))
	})
}

func partitionsOf(req *kmsg.AddPartitionsToTxnRequest) []transaction.Partition {
	var ps []transaction.Partition
	for _, t := range req.Topics {
		topic := strings.Clone(t.Topic)
		for _, n := range t.Partitions {
			ps = append(ps, transaction.Partition{Topic: topic, Number: n})
		}
	}
	return ps
}

// added makes the answer from the code of each partition.
func added(req *kmsg.AddPartitionsToTxnRequest, code func(transaction.Partition) int16) *kmsg.AddPartitionsToTxnResponse {
	resp := req.ResponseKind().(*kmsg.AddPartitionsToTxnResponse)
	for _, t := range req.Topics {
		st := kmsg.NewAddPartitionsToTxnResponseTopic()
		st.Topic = t.Topic
		for _, n := range t.Partitions {
			sp := kmsg.NewAddPartitionsToTxnResponseTopicPartition()
			sp.Partition, sp.ErrorCode = n, code(transaction.Partition{Topic: t.Topic, Number: n})
			st.Partitions = append(st.Partitions, sp)
		}
		resp.Topics = append(resp.Topics, st)
	}
	return resp
}
