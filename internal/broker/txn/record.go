package txn

import (
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/statetopic"
	"github.com/evidentlog/evident/internal/broker/txn/transaction"
)

// Versions of the records. Kafka with transaction.version 1 or 2 writes value
// version 1; 0 is read.
const (
	keyVersion   = 0
	valueVersion = 1
)

func recordKey(id string) []byte {
	k := kmsg.NewTxnMetadataKey()
	k.Version, k.TransactionalID = keyVersion, id
	return k.AppendTo(nil)
}

func recordValue(v *transaction.Value) []byte {
	r := kmsg.NewTxnMetadataValue()
	r.Version = valueVersion
	r.ProducerID, r.ProducerEpoch = v.Producer.ID, v.Producer.Epoch
	r.PreviousProducerID, r.NextProducerID = v.PreviousID, v.NextID
	r.TimeoutMillis, r.State = v.Timeout, kmsg.TransactionState(v.State)
	r.LastUpdateTimestamp, r.StartTimestamp = v.Updated, v.Started
	r.ClientTransactionVersion = int16(v.Version)
	if v.State != transaction.Empty {
		r.Topics = recordTopics(v.Partitions)
	}
	return r.AppendTo(nil)
}

func recordTopics(ps transaction.Partitions) []kmsg.TxnMetadataValueTopic {
	topics := []kmsg.TxnMetadataValueTopic{} // only Empty has none at all
	for _, p := range ps.Sorted() {
		if n := len(topics); n == 0 || topics[n-1].Topic != p.Topic {
			topics = append(topics, kmsg.TxnMetadataValueTopic{Topic: p.Topic})
		}
		t := &topics[len(topics)-1]
		t.Partitions = append(t.Partitions, p.Number)
	}
	return topics
}

// readKey returns the transactional id, or false for a record of another kind,
// which is passed over, as Kafka does.
func readKey(key []byte) (id string, ok bool, err error) {
	b := kbin.Reader{Src: key}
	if version := b.Int16(); b.Ok() && version != keyVersion {
		return "", false, nil
	}
	var k kmsg.TxnMetadataKey
	if err := k.ReadFrom(key); err != nil {
		return "", false, fmt.Errorf("key of a transactional id: %w", err)
	}
	return k.TransactionalID, true, nil
}

func readValue(src []byte) (*transaction.Value, error) {
	r := kmsg.NewTxnMetadataValue()
	if err := statetopic.ReadVersioned(src, valueVersion, &r); err != nil {
		return nil, err
	}
	s := transaction.State(r.State)
	if s < transaction.Empty || s > transaction.CompleteAbort {
		return nil, fmt.Errorf("state %v is never stored", s)
	}
	v := &transaction.Value{
		State:      s,
		Producer:   transaction.Producer{ID: r.ProducerID, Epoch: r.ProducerEpoch},
		LastEpoch:  -1,
		PreviousID: r.PreviousProducerID,
		NextID:     r.NextProducerID,
		Timeout:    r.TimeoutMillis,
		Started:    r.StartTimestamp,
		Updated:    r.LastUpdateTimestamp,
		Version:    transaction.Version(r.ClientTransactionVersion),
	}
	var ps []transaction.Partition
	for _, t := range r.Topics {
		topic := strings.Clone(t.Topic)
		for _, n := range t.Partitions {
			ps = append(ps, transaction.Partition{Topic: topic, Number: n})
		}
	}
	v.Partitions = transaction.NewPartitions(ps...)
	return v, nil
}
