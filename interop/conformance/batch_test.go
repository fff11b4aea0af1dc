package conformance

import (
	"encoding/binary"
	"hash/crc32"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// attributes of a record batch.
const (
	logAppendTime  = 1 << 3
	transactional  = 1 << 4
	control        = 1 << 5
	producerUnset  = -1
	headerOfBatch  = 61 // bytes before the records
	lengthOfOffset = 12 // bytes that the length field does not count
)

// batch is a record batch to be produced as it is.
type batch struct {
	attributes int16
	producer   int64
	epoch      int16
	sequence   int32
	times      []int64 // of the records, in milliseconds; nil: now
	keys       []string
	values     []string
	magic      int8
}

// of is a batch of values, without keys, of no producer.
func of(values ...string) batch {
	return batch{producer: producerUnset, epoch: -1, sequence: -1, values: values, magic: 2}
}

// by is the batch of an idempotent producer.
func (b batch) by(producer int64, epoch int16, sequence int32) batch {
	b.producer, b.epoch, b.sequence = producer, epoch, sequence
	return b
}

// at is the batch with the records' times.
func (b batch) at(times ...int64) batch {
	b.times = times
	return b
}

func (b batch) bytes() []byte {
	first, last := b.span()
	r := kmsg.NewRecordBatch()
	r.Magic, r.Attributes, r.PartitionLeaderEpoch = b.magic, b.attributes, -1
	r.LastOffsetDelta, r.NumRecords = int32(len(b.values)-1), int32(len(b.values))
	r.FirstTimestamp, r.MaxTimestamp = first, last
	r.ProducerID, r.ProducerEpoch, r.FirstSequence = b.producer, b.epoch, b.sequence
	for i := range b.values {
		r.Records = append(r.Records, b.record(i, first)...)
	}
	r.Length = int32(headerOfBatch - lengthOfOffset + len(r.Records))
	raw := r.AppendTo(nil)
	seal(raw)
	return raw
}

// seal writes the checksum of a batch.
func seal(raw []byte) {
	binary.BigEndian.PutUint32(raw[17:], crc32.Checksum(raw[21:], crc32.MakeTable(crc32.Castagnoli)))
}

func (b batch) span() (first, last int64) {
	if b.times == nil {
		now := time.Now().UnixMilli()
		return now, now
	}
	first, last = b.times[0], b.times[0]
	for _, at := range b.times {
		last = max(last, at)
	}
	return first, last
}

func (b batch) record(i int, first int64) []byte {
	r := kmsg.NewRecord()
	r.OffsetDelta, r.Value = int32(i), []byte(b.values[i])
	if b.times != nil {
		r.TimestampDelta64 = b.times[i] - first
	}
	if b.keys != nil {
		r.Key = []byte(b.keys[i])
	}
	body := r.AppendTo(nil)[1:] // the length was 0: one byte
	r.Length = int32(len(body))
	return r.AppendTo(nil)
}

// produceRequest asks for a batch to be written to a partition.
func produceRequest(topic string, partition int32, acks int16, records []byte) *kmsg.ProduceRequest {
	req := kmsg.NewPtrProduceRequest()
	req.Acks, req.TimeoutMillis = acks, 10_000
	rt, rp := kmsg.NewProduceRequestTopic(), kmsg.NewProduceRequestTopicPartition()
	rt.Topic, rp.Partition, rp.Records = topic, partition, records
	rt.Partitions = append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	return req
}

// produce writes a batch with acks=all and returns the answer for its partition.
func (c *conn) produce(topic string, b batch) kmsg.ProduceResponseTopicPartition {
	c.t.Helper()
	resp := c.do(produceRequest(topic, 0, -1, b.bytes()), 9).(*kmsg.ProduceResponse)
	return resp.Topics[0].Partitions[0]
}

// mustProduce writes a batch and returns its first offset.
func (c *conn) mustProduce(topic string, b batch) int64 {
	c.t.Helper()
	p := c.produce(topic, b)
	if err := code(p.ErrorCode); err != nil {
		c.t.Fatalf("produce: %v", err)
	}
	return p.BaseOffset
}

// fetchRequest asks for the records of partition 0 from an offset on.
func fetchRequest(topic string, offset int64) *kmsg.FetchRequest {
	req := kmsg.NewPtrFetchRequest()
	req.MaxWaitMillis, req.MinBytes, req.MaxBytes = 0, 1, 1<<20
	rt, rp := kmsg.NewFetchRequestTopic(), kmsg.NewFetchRequestTopicPartition()
	rt.Topic, rp.FetchOffset, rp.PartitionMaxBytes = topic, offset, 1<<20
	rt.Partitions = append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	return req
}

// fetch reads partition 0 from an offset on, without waiting.
func (c *conn) fetch(topic string, offset int64) kmsg.FetchResponseTopicPartition {
	c.t.Helper()
	return c.do(fetchRequest(topic, offset), 12).(*kmsg.FetchResponse).Topics[0].Partitions[0]
}

// newLog is a topic of one partition, and a connection to its leader.
func newLog(t *testing.T, settings ...string) (*conn, string) {
	t.Helper()
	topic := newTopic(t, 1, settings...)
	c := dial(t, leader(t, topic, 0))
	eventually(t, func() error { return code(c.fetch(topic, 0).ErrorCode) }) // it may not know yet that it leads
	return c, topic
}

// newProducer gets a producer id.
func newProducer(t *testing.T) int64 {
	t.Helper()
	var id int64
	eventually(t, func() error {
		req := kmsg.NewPtrInitProducerIDRequest()
		resp := ask[*kmsg.InitProducerIDResponse](t, peer.addresses[0], req, 4)
		id = resp.ProducerID
		return code(resp.ErrorCode)
	})
	return id
}
