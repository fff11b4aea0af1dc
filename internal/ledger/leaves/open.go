package leaves

import (
	"bytes"

	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/proof"
)

// Open returns what stands in a batch. The record may be read on, its bytes used
// again: what is returned has its own.
func Open(b batch.Batch, r batch.Record) proof.Record {
	opened := proof.Record{
		Kind: proof.Data, LogAppendTime: b.Attributes().LogAppendTime(), Transactional: b.Attributes().Transactional(),
		Timestamp: r.Timestamp, ProducerID: b.ProducerID(), ProducerEpoch: b.ProducerEpoch(),
		Key: bytes.Clone(r.Key), Value: bytes.Clone(r.Value),
	}
	if b.Attributes().Control() {
		opened.Kind = proof.Control
	}
	for key, value := range r.Headers.All() {
		opened.Headers = append(opened.Headers, proof.Header{Key: string(key), Value: bytes.Clone(value)})
	}
	return opened
}
