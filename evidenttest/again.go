package evidenttest

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Places in a record batch (Kafka's magic 2), in bytes.
const (
	batchSize       = 8 // of what follows it
	batchCRC        = 17
	batchAttributes = 21 // the checksum is of everything from here on
	batchProducerID = 43
	batchCount      = 57
	batchHeader     = 61

	attributeTransactional = 1 << 4
)

// again is the same request once more. Produced batches come without the producer's id
// and sequence, so that the node cannot know them again; those of transactions are left
// as they are.
func (r *request) again() *request {
	copied := parseRequest(bytes.Clone(r.frame))
	p, ok := copied.body.(*kmsg.ProduceRequest)
	if !ok {
		return copied
	}
	for _, t := range p.Topics {
		for _, partition := range t.Partitions {
			forgetProducers(partition.Records) // a part of the frame
		}
	}
	return copied
}

func forgetProducers(batches []byte) {
	for len(batches) >= batchHeader {
		end := int(binary.BigEndian.Uint32(batches[batchSize:])) + batchSize + 4
		if end < batchHeader || end > len(batches) {
			return
		}
		if batch := batches[:end]; batch[batchAttributes+1]&attributeTransactional == 0 {
			for i := batchProducerID; i < batchCount; i++ {
				batch[i] = 0xff // no id, no epoch, no sequence: -1
			}
			sum := crc32.Checksum(batch[batchAttributes:], crc32.MakeTable(crc32.Castagnoli))
			binary.BigEndian.PutUint32(batch[batchCRC:], sum)
		}
		batches = batches[end:]
	}
}
