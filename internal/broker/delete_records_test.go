package broker

import (
	"errors"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/metadata"
)

// deleteRequest is a request to delete records of the topic; pairs are partitions
// and offsets.
func deleteRequest(topic string, pairs ...int64) *kmsg.DeleteRecordsRequest {
	req := kmsg.NewPtrDeleteRecordsRequest()
	req.Version = 2
	rt := kmsg.NewDeleteRecordsRequestTopic()
	rt.Topic = topic
	for i := 0; i < len(pairs); i += 2 {
		rt.Partitions = append(rt.Partitions, kmsg.DeleteRecordsRequestTopicPartition{Partition: int32(pairs[i]), Offset: pairs[i+1]})
	}
	req.Topics = append(req.Topics, rt)
	return req
}

func TestDeletedRecordsAreOutOfRangeAlsoAfterARestart(t *testing.T) {
	s := start(t)
	s.create(1, nil, "t")
	s.produce(s.client(), "t", "a", "b", "c", "d")
	offsets := make(kadm.Offsets)
	offsets.AddOffset("t", 0, 3, -1)
	got, err := s.admin().DeleteRecords(t.Context(), offsets)
	if r, ok := got.Lookup("t", 0); err != nil || !ok || r.Err != nil || r.LowWatermark != 3 {
		t.Fatalf("%v, %+v", err, got)
	}
	below := func() int16 {
		resp := ask[*kmsg.FetchResponse](s.dial(), fetchRequest(12, s.store.Snapshot().Topic("t"), 2))
		return resp.Topics[0].Partitions[0].ErrorCode
	}
	if code := below(); code != kerr.OffsetOutOfRange.Code {
		t.Errorf("fetch below the log start: error %d", code)
	}
	s.stop()
	s = startOn(t, s.fs)
	if code := below(); code != kerr.OffsetOutOfRange.Code {
		t.Errorf("fetch below the log start after a restart: error %d", code)
	}
	if got := consume(t, s.client(kgo.ConsumeTopics("t")), 1); got[0] != "d" {
		t.Errorf("got %v", got)
	}
}

func TestDeleteRecordsAnswersAsKafka(t *testing.T) {
	s := start(t)
	s.Create(t, metadata.OffsetsTopic)
	policy := "compact"
	s.create(1, map[string]*string{"cleanup.policy": &policy}, "compacted")
	topic := s.topic("t", 2)
	s.append(topic, 0, "a", "b", "c")
	for _, c := range []struct {
		what              string
		topic             string
		partition, offset int64
		low               int64
		want              error
	}{
		{"unknown topic", "gone", 0, 0, -1, kerr.UnknownTopicOrPartition},
		{"unknown partition", "t", 2, 0, -1, kerr.UnknownTopicOrPartition},
		{"negative partition", "t", -1, 0, -1, kerr.UnknownTopicOrPartition},
		{"internal topic", metadata.OffsetsTopic, 0, 0, -1, kerr.InvalidTopicException},
		{"compacted topic", "compacted", 0, 0, -1, kerr.PolicyViolation},
		{"above the high watermark", "t", 0, 4, -1, kerr.OffsetOutOfRange},
		{"below zero", "t", 0, -2, -1, kerr.OffsetOutOfRange},
		{"nothing", "t", 0, 0, 0, nil},
		{"some", "t", 0, 2, 2, nil},
		{"fewer", "t", 0, 1, 2, nil},
		{"all", "t", 0, -1, 3, nil},
		{"all of nothing", "t", 1, -1, 0, nil},
	} {
		sp := ask[*kmsg.DeleteRecordsResponse](s.dial(), deleteRequest(c.topic, c.partition, c.offset)).Topics[0].Partitions[0]
		if got := kerr.ErrorForCode(sp.ErrorCode); !errors.Is(got, c.want) || sp.LowWatermark != c.low || sp.Partition != int32(c.partition) {
			t.Errorf("%s: got %v, %+v; want %v, low watermark %d", c.what, got, sp, c.want, c.low)
		}
	}
}

// Of a partition that is named several times the last offset counts, and there is
// one answer.
func TestDeleteRecordsOfOnePartitionTwice(t *testing.T) {
	s := start(t)
	topic := s.topic("t", 2)
	s.append(topic, 0, "a", "b", "c")
	s.append(topic, 1, "a", "b", "c")
	req := deleteRequest("t", 0, 3, 1, 2, 0, 1)
	req.Topics = append(req.Topics, deleteRequest("t", 1, 1).Topics...)
	resp := ask[*kmsg.DeleteRecordsResponse](s.dial(), req)
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 2 {
		t.Fatalf("got %+v", resp.Topics)
	}
	for _, sp := range resp.Topics[0].Partitions {
		if sp.ErrorCode != 0 || sp.LowWatermark != 1 {
			t.Errorf("got %+v", sp)
		}
	}
}

// A consumer with a fetch session hears that the log start rose.
func TestFetchSessionsHearOfDeletedRecords(t *testing.T) {
	s := start(t)
	topic := s.topic("t", 1)
	s.append(topic, 0, "a", "b", "c")
	c := s.dial()
	full := ask[*kmsg.FetchResponse](c, inSession(fetchMany(12, topic, want{0, 3}), 0, 0))
	ask[*kmsg.DeleteRecordsResponse](s.dial(), deleteRequest("t", 0, 2))
	next := fetchMany(12, topic)
	next.MaxWaitMillis = 10
	resp := ask[*kmsg.FetchResponse](c, inSession(next, full.SessionID, 1))
	if len(resp.Topics) != 1 || resp.Topics[0].Partitions[0].LogStartOffset != 2 {
		t.Errorf("got %+v", resp.Topics)
	}
}
