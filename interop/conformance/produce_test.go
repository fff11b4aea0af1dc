package conformance

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestProduceIsAnsweredAsAcksSay(t *testing.T) {
	c, topic := newLog(t)
	for i, acks := range []int16{1, -1} {
		p := c.do(produceRequest(topic, 0, acks, of("a", "b").bytes()), 9).(*kmsg.ProduceResponse).Topics[0].Partitions[0]
		if p.ErrorCode != 0 || p.BaseOffset != int64(2*i) || p.LogStartOffset != 0 || p.LogAppendTime != -1 {
			t.Errorf("acks=%d: %+v", acks, p)
		}
	}
	c.send(produceRequest(topic, 0, 0, of("c").bytes()), 9) // no answer
	eventually(t, func() error {
		if got := c.fetch(topic, 4); len(got.RecordBatches) == 0 {
			return fmt.Errorf("acks=0: the record is not there: %+v", got)
		}
		return nil
	})
	for _, acks := range []int16{2, -2} {
		p := c.do(produceRequest(topic, 0, acks, of("d").bytes()), 9).(*kmsg.ProduceResponse).Topics[0].Partitions[0]
		wantCode(t, fmt.Sprintf("acks=%d", acks), p.ErrorCode, kerr.InvalidRequiredAcks)
	}
}

func TestLogAppendTimeIsTold(t *testing.T) {
	c, topic := newLog(t, "message.timestamp.type", "LogAppendTime")
	before := time.Now().Add(-time.Minute).UnixMilli()
	p := c.produce(topic, of("a").at(1000))
	if p.ErrorCode != 0 || p.LogAppendTime < before {
		t.Errorf("%+v", p)
	}
	raw := c.fetch(topic, 0).RecordBatches
	if attributes := binary.BigEndian.Uint16(raw[21:]); attributes&logAppendTime == 0 {
		t.Errorf("the batch has the attributes %b", attributes)
	}
	if at := int64(binary.BigEndian.Uint64(raw[35:])); at != p.LogAppendTime {
		t.Errorf("the batch is stamped %d, the producer was told %d", at, p.LogAppendTime)
	}
}

// What a producer sent is what a consumer gets, but for the base offset and the
// leader epoch, which no checksum covers.
func TestBatchesAreKeptAsTheyCame(t *testing.T) {
	c, topic := newLog(t)
	c.mustProduce(topic, of("first"))
	sent := of("a", "", "c").bytes()
	if p := c.do(produceRequest(topic, 0, -1, sent), 9).(*kmsg.ProduceResponse).Topics[0].Partitions[0]; p.ErrorCode != 0 {
		t.Fatalf("%+v", p)
	}
	got := c.fetch(topic, 1).RecordBatches
	binary.BigEndian.PutUint64(sent[0:], 1)
	binary.BigEndian.PutUint32(sent[12:], binary.BigEndian.Uint32(got[12:]))
	if !bytes.Equal(got, sent) {
		t.Errorf("sent %x\ngot  %x", sent, got)
	}
}

func TestAllCompressionsComeBack(t *testing.T) {
	for name, codec := range map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
		"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	} {
		t.Run(name, func(t *testing.T) {
			topic := newTopic(t, 1)
			client := newClient(t, kgo.ProducerBatchCompression(codec), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
			const records = 100
			value := strings.Repeat("compressible ", 50)
			for i := range records {
				client.Produce(within(t), &kgo.Record{Topic: topic, Value: fmt.Appendf(nil, "%d %s", i, value)}, nil)
			}
			if err := client.Flush(within(t)); err != nil {
				t.Fatal(err)
			}
			for next := 0; next < records; {
				fetches := client.PollFetches(within(t))
				if err := fetches.Err(); err != nil {
					t.Fatal(err)
				}
				fetches.EachRecord(func(r *kgo.Record) {
					if want := fmt.Sprintf("%d %s", next, value); string(r.Value) != want || r.Offset != int64(next) {
						t.Fatalf("offset %d holds %q", r.Offset, r.Value)
					}
					next++
				})
			}
		})
	}
}

func TestBatchesThatCannotBeAreRefused(t *testing.T) {
	broken := func(change func([]byte)) []byte {
		raw := of("a", "b").bytes()
		change(raw)
		return raw
	}
	resealed := func(change func([]byte)) []byte {
		raw := broken(change)
		seal(raw)
		return raw
	}
	for _, c := range []struct {
		name string
		raw  []byte
		want *kerr.Error
	}{
		{"checksum", broken(func(b []byte) { b[len(b)-1] ^= 1 }), kerr.CorruptMessage},
		{"old format", broken(func(b []byte) { b[16] = 1 }), kerr.InvalidRecord},
		{"format of the future", broken(func(b []byte) { b[16] = 3 }), kerr.CorruptMessage},
		{"two batches", append(of("a").bytes(), of("b").bytes()...), kerr.InvalidRecord},
		{"torn", of("a", "b").bytes()[:70], kerr.InvalidRecord},
		{"no records", resealed(func(b []byte) { binary.BigEndian.PutUint32(b[57:], 0) }), kerr.InvalidRecord},
		{"a wrong number of records", resealed(func(b []byte) { binary.BigEndian.PutUint32(b[57:], 5) }), kerr.InvalidRecord},
		{"control batch", resealed(func(b []byte) { b[22] |= control }), kerr.InvalidRecord},
		{"offsets that do not count up", resealed(func(b []byte) { binary.BigEndian.PutUint32(b[23:], 7) }), kerr.InvalidRecord},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, topic := newLog(t)
			p := conn.do(produceRequest(topic, 0, -1, c.raw), 9).(*kmsg.ProduceResponse).Topics[0].Partitions[0]
			wantCode(t, c.name, p.ErrorCode, c.want)
			if p.BaseOffset != -1 && c.want != nil {
				t.Errorf("base offset %d", p.BaseOffset)
			}
			if got := conn.fetch(topic, 0); c.want != nil && got.HighWatermark != 0 {
				t.Errorf("the high watermark is %d", got.HighWatermark)
			}
		})
	}
}

func TestACompressionThatThereIsNotIsRefused(t *testing.T) {
	c, topic := newLog(t)
	raw := of("a").bytes()
	raw[22] |= 5
	seal(raw)
	p := c.do(produceRequest(topic, 0, -1, raw), 9).(*kmsg.ProduceResponse).Topics[0].Partitions[0]
	switch codeName(p.ErrorCode) {
	case "UNKNOWN_SERVER_ERROR":
	case "UNSUPPORTED_COMPRESSION_TYPE":
		differs(t, "it is the batch that is wrong, not the server")
	default:
		t.Errorf("%s", codeName(p.ErrorCode))
	}
}

func TestRecordsThatATopicDoesNotTake(t *testing.T) {
	hour := time.Hour.Milliseconds()
	now := time.Now().UnixMilli()
	for _, c := range []struct {
		name     string
		settings []string
		batch    batch
		want     *kerr.Error
	}{
		{"too large", []string{"max.message.bytes", "100"}, of(strings.Repeat("x", 100)), kerr.MessageTooLarge},
		{"just small enough", []string{"max.message.bytes", fmt.Sprint(len(of("x").bytes()))}, of("x"), nil},
		{"without a key", []string{"cleanup.policy", "compact"}, of("x"), kerr.InvalidRecord},
		{"from the future", nil, of("x").at(now + 2*hour), kerr.InvalidTimestamp},
		{"from the past", []string{"message.timestamp.before.max.ms", "1000"}, of("x").at(now - hour), kerr.InvalidTimestamp},
		{"from the past, where it does not matter", []string{"message.timestamp.before.max.ms", "1000", "message.timestamp.type", "LogAppendTime"}, of("x").at(now - hour), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, topic := newLog(t, c.settings...)
			wantCode(t, c.name, conn.produce(topic, c.batch).ErrorCode, c.want)
		})
	}
}

func TestOneBadRecordRefusesItsBatchAndIsNamed(t *testing.T) {
	c, topic := newLog(t, "cleanup.policy", "compact")
	b := of("a", "b")
	b.keys = []string{"k", "k"}
	raw := b.bytes()
	wantCode(t, "with keys", c.do(produceRequest(topic, 0, -1, raw), 9).(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode, nil)
	p := c.produce(topic, of("a", "b"))
	wantCode(t, "without keys", p.ErrorCode, kerr.InvalidRecord)
	if len(p.ErrorRecords) == 0 || p.ErrorRecords[0].RelativeOffset != 0 {
		t.Errorf("the record is not named: %+v", p)
	}
}

func TestProducingToWhatIsNotThere(t *testing.T) {
	c, topic := newLog(t)
	nowhere := name(t, "nowhere")
	for _, r := range []struct {
		what      string
		topic     string
		partition int32
	}{{"topic", nowhere, 0}, {"partition", topic, 7}, {"negative partition", topic, -1}} {
		p := c.do(produceRequest(r.topic, r.partition, -1, of("a").bytes()), 9).(*kmsg.ProduceResponse).Topics[0].Partitions[0]
		wantCode(t, r.what, p.ErrorCode, kerr.UnknownTopicOrPartition)
	}
	req := produceRequest("", 0, -1, of("a").bytes())
	req.Topics[0].TopicID = [16]byte{1, 2, 3}
	p := c.do(req, 13).(*kmsg.ProduceResponse).Topics[0].Partitions[0]
	wantCode(t, "topic id", p.ErrorCode, kerr.UnknownTopicID)
}

func TestAnIdempotentProducersBatchIsWrittenOnce(t *testing.T) {
	c, topic := newLog(t)
	id := newProducer(t)
	for i := range 3 {
		if at := c.mustProduce(topic, of("a", "b").by(id, 0, int32(2*i))); at != int64(2*i) {
			t.Fatalf("batch %d is at %d", i, at)
		}
	}
	for i := range 3 {
		p := c.produce(topic, of("a", "b").by(id, 0, int32(2*i)))
		if p.ErrorCode != 0 || p.BaseOffset != int64(2*i) {
			t.Errorf("batch %d again: %+v", i, p)
		}
	}
	wantCode(t, "a gap", c.produce(topic, of("x").by(id, 0, 7)).ErrorCode, kerr.OutOfOrderSequenceNumber)
	wantCode(t, "a part again", c.produce(topic, of("b").by(id, 0, 1)).ErrorCode, kerr.OutOfOrderSequenceNumber)
	wantCode(t, "a new epoch", c.produce(topic, of("y").by(id, 1, 0)).ErrorCode, nil)
	wantCode(t, "a new epoch that does not begin at 0", c.produce(topic, of("y").by(id, 2, 5)).ErrorCode, kerr.OutOfOrderSequenceNumber)
	wantCode(t, "the old epoch", c.produce(topic, of("z").by(id, 0, 6)).ErrorCode, kerr.InvalidProducerEpoch)
	if end := c.fetch(topic, 0).HighWatermark; end != 7 {
		t.Errorf("there are %d records, want 7", end)
	}
}

func TestOnlyFiveBatchesAreRemembered(t *testing.T) {
	c, topic := newLog(t)
	id := newProducer(t)
	for i := range 6 {
		c.mustProduce(topic, of("a").by(id, 0, int32(i)))
	}
	wantCode(t, "the last but four", c.produce(topic, of("a").by(id, 0, 1)).ErrorCode, nil)
	wantCode(t, "the one before", c.produce(topic, of("a").by(id, 0, 0)).ErrorCode, kerr.OutOfOrderSequenceNumber)
}

func TestAProducerThatNobodyKnowsMayBeginAnywhere(t *testing.T) {
	c, topic := newLog(t)
	wantCode(t, "sequence 7", c.produce(topic, of("a").by(newProducer(t), 0, 7)).ErrorCode, nil)
}

func TestRequestsAreAnsweredInOrder(t *testing.T) {
	c, topic := newLog(t)
	var requests []*kmsg.ProduceRequest
	for i := range 20 {
		req := produceRequest(topic, 0, []int16{-1, 1}[i%2], of("x").bytes())
		c.send(req, 9)
		requests = append(requests, req)
	}
	for i, req := range requests {
		p := c.receive(req).(*kmsg.ProduceResponse).Topics[0].Partitions[0]
		if p.ErrorCode != 0 || p.BaseOffset != int64(i) {
			t.Fatalf("request %d: %+v", i, p)
		}
	}
}
