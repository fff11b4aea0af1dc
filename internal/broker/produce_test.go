package broker

import (
	"bytes"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/metadata"
	"github.com/evidentlog/evident/internal/log/batch"
)

// Kafka's own error codes, each with a sentence.
func TestProduceErrors(t *testing.T) {
	s := start(t)
	small := "200"
	s.create(1, map[string]*string{"max.message.bytes": &small}, "t")
	s.Create(t, metadata.OffsetsTopic)
	topic := s.store.Snapshot().Topic("t")
	good := func() []byte { return records(t, batch.Head{}, "a") }
	damaged := good()
	damaged[len(damaged)-1]++
	short := good()
	old := good()
	old[16] = 1
	twice := append(good(), good()...)
	unknown := &metadata.Topic{Name: "nowhere", ID: metadata.ID{1}}
	id := "tx"
	for name, c := range map[string]struct {
		req  *kmsg.ProduceRequest
		want *kerr.Error
		text string
	}{
		"unknown topic":         {produceRequest(12, -1, unknown, good()), kerr.UnknownTopicOrPartition, `"nowhere"`},
		"unknown topic id":      {produceRequest(13, -1, unknown, good()), kerr.UnknownTopicID, unknown.ID.String()},
		"unknown partition":     {partition(produceRequest(12, -1, topic, good()), 7), kerr.UnknownTopicOrPartition, "no partition 7"},
		"negative partition":    {partition(produceRequest(12, -1, topic, good()), -1), kerr.UnknownTopicOrPartition, "no partition -1"},
		"acks":                  {produceRequest(12, 2, topic, good()), kerr.InvalidRequiredAcks, "acks is 2"},
		"wrong CRC":             {produceRequest(12, -1, topic, damaged), kerr.CorruptMessage, "CRC"},
		"cut batch":             {produceRequest(12, -1, topic, short[:len(short)-3]), kerr.InvalidRecord, ""},
		"no bytes":              {produceRequest(12, -1, topic, nil), kerr.InvalidRecord, "no records"},
		"old format":            {produceRequest(12, -1, topic, old), kerr.InvalidRecord, "magic 1"},
		"two batches":           {produceRequest(12, -1, topic, twice), kerr.InvalidRecord, "only one is allowed"},
		"too large":             {produceRequest(12, -1, topic, records(t, batch.Head{}, strings.Repeat("x", 200))), kerr.MessageTooLarge, "max.message.bytes is 200"},
		"zstd before version 7": {produceRequest(6, -1, topic, records(t, batch.Head{Codec: batch.Zstd}, "a")), kerr.UnsupportedCompressionType, ""},
		"control batch":         {produceRequest(12, -1, topic, records(t, batch.Head{Control: true}, "a")), kerr.InvalidRecord, "control"},
		"transactional batch":   {produceRequest(12, -1, topic, records(t, batch.Head{Transactional: true, Producer: &batch.Producer{ID: 1}}, "a")), kerr.TransactionalIDAuthorizationFailed, "without a transactional id"},
		"no such producer":      {transactional(produceRequest(12, -1, topic, records(t, batch.Head{Transactional: true, Producer: &batch.Producer{ID: 1}}, "a")), &id), kerr.InvalidProducerIDMapping, "producer 1"},
		"internal topic":        {produceRequest(12, -1, s.store.Snapshot().Topic(metadata.OffsetsTopic), good()), kerr.InvalidTopicException, "internal"},
		"sequence gap":          {produceRequest(12, -1, topic, records(t, batch.Head{Producer: &batch.Producer{ID: 5, Sequence: 3}}, "a")), kerr.OutOfOrderSequenceNumber, ""},
	} {
		if name == "sequence gap" {
			first := records(t, batch.Head{Producer: &batch.Producer{ID: 5}}, "a")
			ask[*kmsg.ProduceResponse](s.dial(), produceRequest(12, -1, topic, first))
		}
		rp := ask[*kmsg.ProduceResponse](s.dial(), c.req).Topics[0].Partitions[0]
		if got := kerr.ErrorForCode(rp.ErrorCode); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
			continue
		}
		if c.req.Version >= 8 && (rp.ErrorMessage == nil || !strings.Contains(*rp.ErrorMessage, c.text)) {
			t.Errorf("%s: message is %v, want %q", name, rp.ErrorMessage, c.text)
		}
		if rp.BaseOffset != -1 {
			t.Errorf("%s: base offset is %d", name, rp.BaseOffset)
		}
	}
}

// A client learns which records of a batch were refused, and why (KIP-467).
func TestProduceNamesTheRecordsThatWereRefused(t *testing.T) {
	s := start(t)
	compact := "compact"
	s.create(1, map[string]*string{"cleanup.policy": &compact}, "t")
	req := produceRequest(9, -1, s.store.Snapshot().Topic("t"), records(t, batch.Head{}, "no key", "neither"))
	rp := ask[*kmsg.ProduceResponse](s.dial(), req).Topics[0].Partitions[0]
	if rp.ErrorCode != kerr.InvalidRecord.Code || len(rp.ErrorRecords) != 2 {
		t.Fatalf("got %+v", rp)
	}
	for i, r := range rp.ErrorRecords {
		if r.RelativeOffset != int32(i) || r.ErrorMessage == nil || !strings.Contains(*r.ErrorMessage, "no key") {
			t.Errorf("record %d: %+v", i, r)
		}
	}
}

// Create creates a topic with the broker's own means.
func (s *server) Create(t testing.TB, name string) {
	t.Helper()
	if c := s.store.Create([]metadata.Spec{s.spec(name)}, false)[0]; c.Err != nil {
		t.Fatal(c.Err)
	}
}

func partition(req *kmsg.ProduceRequest, n int32) *kmsg.ProduceRequest {
	req.Topics[0].Partitions[0].Partition = n
	return req
}

func transactional(req *kmsg.ProduceRequest, id *string) *kmsg.ProduceRequest {
	req.TransactionID = id
	return req
}

// One bad partition does not harm the others of its request.
func TestProduceAnswersForEachPartition(t *testing.T) {
	s := start(t)
	s.create(2, nil, "t", "u")
	t0, u := s.store.Snapshot().Topic("t"), s.store.Snapshot().Topic("u")
	req := produceRequest(9, -1, t0, records(t, batch.Head{}, "a"))
	bad := kmsg.NewProduceRequestTopicPartition()
	bad.Partition, bad.Records = 5, records(t, batch.Head{}, "b")
	req.Topics[0].Partitions = append(req.Topics[0].Partitions, bad)
	req.Topics = append(req.Topics, partition(produceRequest(9, -1, u, records(t, batch.Head{}, "c")), 1).Topics...)
	resp := ask[*kmsg.ProduceResponse](s.dial(), req)
	if len(resp.Topics) != 2 || len(resp.Topics[0].Partitions) != 2 || len(resp.Topics[1].Partitions) != 1 {
		t.Fatalf("got %+v", resp)
	}
	a, b, c := resp.Topics[0].Partitions[0], resp.Topics[0].Partitions[1], resp.Topics[1].Partitions[0]
	if a.ErrorCode != 0 || b.ErrorCode != kerr.UnknownTopicOrPartition.Code || c.ErrorCode != 0 || b.Partition != 5 || c.Partition != 1 {
		t.Errorf("got %+v", resp)
	}
}

// Requests that were sent without waiting are appended and answered in order.
func TestProducePipelines(t *testing.T) {
	s := start(t)
	s.create(1, nil, "t")
	topic := s.store.Snapshot().Topic("t")
	c := s.dial()
	const n = 2 * maxInFlight
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for range n {
			c.send(produceRequest(9, -1, topic, records(t, batch.Head{}, "a")))
		}
	}()
	for i := range n {
		resp := receive[*kmsg.ProduceResponse](c, produceRequest(9, -1, topic, nil), int32(i+1))
		if rp := resp.Topics[0].Partitions[0]; rp.ErrorCode != 0 || rp.BaseOffset != int64(i) {
			t.Fatalf("response %d: %+v", i, rp)
		}
	}
	<-sent
}

// A producer that asks for no answer learns of an error by the connection's end.
func TestAcksNone(t *testing.T) {
	s := start(t)
	s.create(1, nil, "t")
	topic := s.store.Snapshot().Topic("t")
	c := s.dial()
	c.send(produceRequest(9, 0, topic, records(t, batch.Head{}, "a")))
	resp := ask[*kmsg.ProduceResponse](c, produceRequest(9, 1, topic, records(t, batch.Head{}, "b"))) // the first answer is for this one
	if got := resp.Topics[0].Partitions[0].BaseOffset; got != 1 {
		t.Errorf("base offset %d", got)
	}
	c.send(partition(produceRequest(9, 0, topic, records(t, batch.Head{}, "c")), 9))
	c.closed()
}

// The log keeps copies: what comes next over the wire must not change what was
// appended.
func TestRequestMemoryIsReusedWithoutHarm(t *testing.T) {
	s := start(t)
	s.create(1, nil, "t")
	topic := s.store.Snapshot().Topic("t")
	c := s.dial()
	big := strings.Repeat("x", 100_000)
	var want []byte
	for i := range 20 {
		value := big[:len(big)-i]
		want = append(want, value...)
		resp := ask[*kmsg.ProduceResponse](c, produceRequest(9, 1, topic, records(t, batch.Head{}, value)))
		if code := resp.Topics[0].Partitions[0].ErrorCode; code != 0 {
			t.Fatalf("error %d", code)
		}
	}
	var got []byte
	for _, v := range consume(t, s.client(consumeTopic("t")), 20) {
		got = append(got, v...)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got %d bytes, want %d", len(got), len(want))
	}
}

func TestDuplicateOfAnIdempotentProducerIsAnsweredWithTheFirstOffset(t *testing.T) {
	s := start(t)
	s.create(1, nil, "t")
	topic := s.store.Snapshot().Topic("t")
	id := ask[*kmsg.InitProducerIDResponse](s.dial(), initProducerID(4)).ProducerID
	for range 2 {
		raw := records(t, batch.Head{Producer: &batch.Producer{ID: id}}, "a")
		rp := ask[*kmsg.ProduceResponse](s.dial(), produceRequest(9, -1, topic, raw)).Topics[0].Partitions[0]
		if rp.ErrorCode != 0 || rp.BaseOffset != 0 {
			t.Errorf("got %+v", rp)
		}
	}
}

func initProducerID(version int16) *kmsg.InitProducerIDRequest {
	req := kmsg.NewPtrInitProducerIDRequest()
	req.Version = version
	return req
}
