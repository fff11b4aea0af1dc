package conformance

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// offsetsOf are the base offsets of the batches in an answer; a batch that is
// cut at the end counts, too.
func offsetsOf(records []byte) []int64 {
	var all []int64
	for len(records) >= lengthOfOffset {
		all = append(all, int64(binary.BigEndian.Uint64(records)))
		records = records[min(len(records), lengthOfOffset+int(binary.BigEndian.Uint32(records[8:]))):]
	}
	return all
}

func wantOffsets(t *testing.T, what string, records []byte, want ...int64) {
	t.Helper()
	got := offsetsOf(records)
	if len(got) != len(want) {
		t.Errorf("%s: batches at %v, want %v", what, got, want)
		return
	}
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("%s: batches at %v, want %v", what, got, want)
			return
		}
	}
}

func TestFetchGivesWholeBatches(t *testing.T) {
	c, topic := newLog(t)
	for range 3 {
		c.mustProduce(topic, of("a", "b", "c"))
	}
	p := c.fetch(topic, 4) // within the second batch
	wantOffsets(t, "from the middle", p.RecordBatches, 3, 6)
	if p.HighWatermark != 9 || p.LastStableOffset != 9 || p.LogStartOffset != 0 {
		t.Errorf("high watermark %d, last stable offset %d, log start %d", p.HighWatermark, p.LastStableOffset, p.LogStartOffset)
	}
	if at := c.fetch(topic, 9); at.ErrorCode != 0 || len(at.RecordBatches) != 0 {
		t.Errorf("at the end: %+v", at)
	}
	wantCode(t, "behind the end", c.fetch(topic, 10).ErrorCode, kerr.OffsetOutOfRange)
}

// The first batch comes even if it is larger than what was asked for, or else
// nobody could get past it (KIP-74).
func TestTheFirstBatchComesWhateverItsSize(t *testing.T) {
	c, topic := newLog(t)
	large := strings.Repeat("x", 5000)
	c.mustProduce(topic, of(large))
	c.mustProduce(topic, of(large))
	for _, limit := range []struct{ partition, all int32 }{{1, 1 << 20}, {1 << 20, 1}, {1, 1}, {0, 0}} {
		req := fetchRequest(topic, 0)
		req.MaxBytes, req.Topics[0].Partitions[0].PartitionMaxBytes = limit.all, limit.partition
		records := c.do(req, 12).(*kmsg.FetchResponse).Topics[0].Partitions[0].RecordBatches
		if len(records) < 5000 || offsetsOf(records)[0] != 0 {
			t.Errorf("limits %+v: %d bytes", limit, len(records))
		}
	}
	req := fetchRequest(topic, 0)
	req.MaxBytes = 1 << 20
	wantOffsets(t, "no limit", c.do(req, 12).(*kmsg.FetchResponse).Topics[0].Partitions[0].RecordBatches, 0, 1)
}

func TestFetchWaitsForRecords(t *testing.T) {
	c, topic := newLog(t)
	req := fetchRequest(topic, 0)
	req.MaxWaitMillis = 500
	began := time.Now()
	if p := c.do(req, 12).(*kmsg.FetchResponse).Topics[0].Partitions[0]; len(p.RecordBatches) != 0 {
		t.Errorf("records from nowhere: %+v", p)
	}
	if took := time.Since(began); took < 450*time.Millisecond {
		t.Errorf("it waited %s and not 500 ms", took)
	}
	req = fetchRequest(topic, 0)
	req.MaxWaitMillis = 30_000
	began = time.Now()
	c.send(req, 12)
	producer := dial(t, leader(t, topic, 0))
	producer.mustProduce(topic, of("a"))
	wantOffsets(t, "woken", c.receive(req).(*kmsg.FetchResponse).Topics[0].Partitions[0].RecordBatches, 0)
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it woke after %s", took)
	}
	req = fetchRequest(topic, 1) // enough bytes make it answer, too few do not
	req.MaxWaitMillis, req.MinBytes = 30_000, 3000
	c.send(req, 12)
	producer.mustProduce(topic, of("small"))
	producer.mustProduce(topic, of(strings.Repeat("x", 4000)))
	wantOffsets(t, "enough", c.receive(req).(*kmsg.FetchResponse).Topics[0].Partitions[0].RecordBatches, 1, 2)
}

func TestAnErrorIsToldWithoutWaiting(t *testing.T) {
	c, topic := newLog(t)
	req := fetchRequest(topic, 55)
	req.MaxWaitMillis = 30_000
	began := time.Now()
	wantCode(t, "fetch", c.do(req, 12).(*kmsg.FetchResponse).Topics[0].Partitions[0].ErrorCode, kerr.OffsetOutOfRange)
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
}

// KIP-227.
func TestFetchSessionsTellWhatChanged(t *testing.T) {
	c, topic := newLog(t)
	begin := fetchRequest(topic, 0)
	begin.SessionEpoch = 0
	other := begin.Topics[0].Partitions[0]
	other.Partition = 7 // there is none: an error each time
	begin.Topics[0].Partitions = append(begin.Topics[0].Partitions, other)
	first := c.do(begin, 12).(*kmsg.FetchResponse)
	if first.SessionID == 0 || len(first.Topics) != 1 {
		t.Fatalf("no session: %+v", first)
	}
	epoch := int32(0)
	incremental := func(change func(*kmsg.FetchRequest)) *kmsg.FetchResponse {
		epoch++
		req := kmsg.NewPtrFetchRequest()
		req.MaxWaitMillis, req.MinBytes, req.MaxBytes, req.SessionID, req.SessionEpoch = 0, 1, 1<<20, first.SessionID, epoch
		if change != nil {
			change(req)
		}
		return c.do(req, 12).(*kmsg.FetchResponse)
	}
	if resp := incremental(nil); resp.ErrorCode != 0 || len(resp.Topics) != 1 || resp.Topics[0].Partitions[0].Partition != 7 {
		t.Errorf("nothing has changed but that an error goes on: %+v", resp)
	}
	resp := incremental(func(r *kmsg.FetchRequest) { r.ForgottenTopics = forget(topic, 7) })
	if resp.ErrorCode != 0 || len(resp.Topics) != 0 {
		t.Errorf("nothing has changed: %+v", resp)
	}
	c.mustProduce(topic, of("a"))
	resp = incremental(nil)
	if len(resp.Topics) != 1 || resp.SessionID != first.SessionID {
		t.Fatalf("a record was written: %+v", resp)
	}
	wantOffsets(t, "news", resp.Topics[0].Partitions[0].RecordBatches, 0)
	resp = incremental(func(r *kmsg.FetchRequest) { r.Topics = fetchRequest(topic, 1).Topics })
	if len(resp.Topics) != 0 {
		t.Errorf("a new offset, nothing there: %+v", resp)
	}
	epoch += 5
	wantCode(t, "a wrong epoch", incremental(nil).ErrorCode, kerr.InvalidFetchSessionEpoch)
	last := fetchRequest(topic, 0)
	last.SessionID, last.SessionEpoch = first.SessionID, -1
	if resp := c.do(last, 12).(*kmsg.FetchResponse); resp.ErrorCode != 0 || resp.SessionID != 0 || len(resp.Topics) != 1 {
		t.Errorf("the end of the session: %+v", resp)
	}
	last.SessionEpoch, last.Topics = 7, nil
	wantCode(t, "a session that has ended", c.do(last, 12).(*kmsg.FetchResponse).ErrorCode, kerr.FetchSessionIDNotFound)
}

// forget takes a partition out of a fetch session.
func forget(topic string, partition int32) []kmsg.FetchRequestForgottenTopic {
	forgotten := kmsg.NewFetchRequestForgottenTopic()
	forgotten.Topic, forgotten.Partitions = topic, []int32{partition}
	return []kmsg.FetchRequestForgottenTopic{forgotten}
}

func TestAFetchSessionWithoutPartitions(t *testing.T) {
	c, topic := newLog(t)
	begin := fetchRequest(topic, 0)
	begin.SessionEpoch = 0
	first := c.do(begin, 12).(*kmsg.FetchResponse)
	req := kmsg.NewPtrFetchRequest()
	req.SessionID, req.SessionEpoch, req.ForgottenTopics = first.SessionID, 1, forget(topic, 0)
	resp := c.do(req, 12).(*kmsg.FetchResponse)
	if resp.ErrorCode != 0 || len(resp.Topics) != 0 {
		t.Fatalf("%+v", resp)
	}
	if resp.SessionID != 0 {
		differs(t, "the session goes on: it may get partitions again")
	}
}

func TestFetchByTopicID(t *testing.T) {
	c, topic := newLog(t)
	c.mustProduce(topic, of("a"))
	meta := kmsg.NewPtrMetadataRequest()
	meta.Topics = []kmsg.MetadataRequestTopic{{Topic: &topic}}
	id := c.do(meta, 12).(*kmsg.MetadataResponse).Topics[0].TopicID
	req := fetchRequest("", 0)
	req.Topics[0].TopicID = id
	resp := c.do(req, 17).(*kmsg.FetchResponse)
	if resp.Topics[0].TopicID != id {
		t.Errorf("answered for %x", resp.Topics[0].TopicID)
	}
	wantOffsets(t, "by id", resp.Topics[0].Partitions[0].RecordBatches, 0)
}

func TestDeletedRecordsAreGone(t *testing.T) {
	c, topic := newLog(t)
	for range 3 {
		c.mustProduce(topic, of("a", "b"))
	}
	req := kmsg.NewPtrDeleteRecordsRequest()
	req.TimeoutMillis = 10_000
	req.Topics = []kmsg.DeleteRecordsRequestTopic{{Topic: topic, Partitions: []kmsg.DeleteRecordsRequestTopicPartition{{Partition: 0, Offset: 3}}}}
	p := c.do(req, 2).(*kmsg.DeleteRecordsResponse).Topics[0].Partitions[0]
	if p.ErrorCode != 0 || p.LowWatermark != 3 {
		t.Fatalf("%+v", p)
	}
	wantCode(t, "before the start", c.fetch(topic, 2).ErrorCode, kerr.OffsetOutOfRange)
	at := c.fetch(topic, 3)
	wantOffsets(t, "the batch that has the start in it", at.RecordBatches, 2, 4)
	if at.LogStartOffset != 3 {
		t.Errorf("log start %d", at.LogStartOffset)
	}
	if got := c.listOffset(topic, -2); got.Offset != 3 {
		t.Errorf("the earliest offset is %d", got.Offset)
	}
}
