package broker

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/metadata"
	"github.com/evidentlog/evident/internal/broker/txn/transaction"
)

// addOffsetsToTxn adds a group's offsets to a transaction.
func (b *Broker) addOffsetsToTxn(req *kmsg.AddOffsetsToTxnRequest, reply func(*kmsg.AddOffsetsToTxnResponse)) {
	b.groups.OffsetsPartition(req.Group, func(n int32, err *kerr.Error) {
		if err != nil {
			resp := req.ResponseKind().(*kmsg.AddOffsetsToTxnResponse)
			resp.ErrorCode = err.Code
			reply(resp)
			return
		}
		b.transactions.AddOffsetsToTxn(req, offsetsPartition(n), reply)
	})
}

func offsetsPartition(n int32) transaction.Partition {
	return transaction.Partition{Topic: metadata.OffsetsTopic, Number: n}
}
