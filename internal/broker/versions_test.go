package broker

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/metadata"
	"github.com/evidentlog/evident/internal/log/batch"
)

// records makes a record batch of the values.
func records(t testing.TB, head batch.Head, values ...string) []byte {
	t.Helper()
	return recordsAt(t, time.Now(), head, values...)
}

func recordsAt(t testing.TB, at time.Time, head batch.Head, values ...string) []byte {
	t.Helper()
	b := new(batch.Codecs).NewBuilder(head)
	for _, v := range values {
		if err := b.Append(batch.Record{Timestamp: at.UnixMilli(), Value: []byte(v)}); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// produceRequest is a request to write raw to partition 0 of the topic.
func produceRequest(version, acks int16, topic *metadata.Topic, raw []byte) *kmsg.ProduceRequest {
	req := kmsg.NewPtrProduceRequest()
	req.Version, req.Acks = version, acks
	rt := kmsg.NewProduceRequestTopic()
	rt.Topic, rt.TopicID = topic.Name, topic.ID
	rp := kmsg.NewProduceRequestTopicPartition()
	rp.Records = raw
	rt.Partitions = append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	return req
}

// fetchRequest is a request without a session for partition 0 of the topic.
func fetchRequest(version int16, topic *metadata.Topic, offset int64) *kmsg.FetchRequest {
	req := kmsg.NewPtrFetchRequest()
	req.Version, req.MinBytes, req.MaxWaitMillis = version, 1, 10_000
	rt := kmsg.NewFetchRequestTopic()
	rt.Topic, rt.TopicID = topic.Name, topic.ID
	rp := kmsg.NewFetchRequestTopicPartition()
	rp.FetchOffset, rp.PartitionMaxBytes = offset, 1<<20
	rt.Partitions = append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	return req
}

// Every version of every request that is listed gets a response that the codec
// reads, with nothing left over (see receive).
func TestEveryListedVersionIsAnswered(t *testing.T) {
	s := start(t)
	s.create(1, nil, "t")
	for _, a := range s.table {
		if a == nil {
			continue
		}
		for v := a.min; v <= a.max; v++ {
			req := kmsg.RequestForKey(a.key)
			req.SetVersion(v)
			switch req := req.(type) {
			case *kmsg.ApiVersionsRequest:
				req.ClientSoftwareName, req.ClientSoftwareVersion, req.NodeID = "test", "1", -1
			case *kmsg.ProduceRequest:
				req.Acks = -1
			}
			ask[kmsg.Response](s.dial(), req)
		}
	}
}

func TestProduceAndFetchInEveryVersion(t *testing.T) {
	s := start(t)
	s.create(1, nil, "t")
	topic := s.store.Snapshot().Topic("t")
	c := s.dial()
	for v := int16(produceServed); v <= 13; v++ {
		resp := ask[*kmsg.ProduceResponse](c, produceRequest(v, -1, topic, records(t, batch.Head{}, "a", "b")))
		rt := resp.Topics[0]
		rp := rt.Partitions[0]
		if named := v < produceIDs && rt.Topic == "t" || rt.TopicID == topic.ID; !named || rp.ErrorCode != 0 || rp.BaseOffset != int64(v-produceServed)*2 {
			t.Errorf("produce version %d: %+v", v, rt)
		}
	}
	for v := int16(4); v <= 18; v++ {
		resp := ask[*kmsg.FetchResponse](c, fetchRequest(v, topic, 3))
		rt := resp.Topics[0]
		rp := rt.Partitions[0]
		b, _, err := batch.Next(rp.RecordBatches)
		if named := v < fetchIDs && rt.Topic == "t" || rt.TopicID == topic.ID; !named || rp.ErrorCode != 0 || rp.HighWatermark != 22 || err != nil || b.Check() != nil || b.BaseOffset() != 2 {
			t.Errorf("fetch version %d: %+v, %v", v, rt, err)
		}
	}
}

func TestVersionsListedButNotServed(t *testing.T) {
	s := start(t)
	s.create(1, nil, "t")
	for v := int16(0); v < produceServed; v++ {
		resp := ask[*kmsg.ProduceResponse](s.dial(), produceRequest(v, 1, s.store.Snapshot().Topic("t"), records(t, batch.Head{}, "a")))
		if got := resp.Topics[0].Partitions[0].ErrorCode; got != kerr.UnsupportedVersion.Code {
			t.Errorf("produce version %d: error %d", v, got)
		}
	}
}

func TestApiVersionsAnswersAnUnknownVersionInVersionZero(t *testing.T) {
	c := start(t).dial()
	c.correlation++
	b := binary.BigEndian.AppendUint32(nil, 12)
	b = binary.BigEndian.AppendUint16(b, keyApiVersions)
	b = binary.BigEndian.AppendUint16(b, 99)
	b = binary.BigEndian.AppendUint32(b, uint32(c.correlation))
	if _, err := c.Write(append(b, "????"...)); err != nil { // nobody knows what version 99 holds
		t.Fatal(err)
	}
	resp := receive[*kmsg.ApiVersionsResponse](c, kmsg.NewPtrApiVersionsRequest(), c.correlation)
	if resp.ErrorCode != kerr.UnsupportedVersion.Code || len(resp.ApiKeys) != 1 || resp.ApiKeys[0].ApiKey != keyApiVersions || resp.ApiKeys[0].MaxVersion != 5 {
		t.Errorf("got %+v", resp)
	}
	if resp := ask[*kmsg.ApiVersionsResponse](c, kmsg.NewPtrApiVersionsRequest()); resp.ErrorCode != 0 || len(resp.ApiKeys) < 20 {
		t.Errorf("the connection is of no use afterwards: %+v", resp)
	}
}

func TestApiVersionsChecksWhoAsksForWhom(t *testing.T) {
	s := start(t)
	id, other := s.ClusterID(), "other"
	for _, c := range []struct {
		name, version string
		cluster       *string
		node          int32
		want          *kerr.Error
	}{
		{"kgo", "1.2-rc.1", nil, -1, nil},
		{"kgo", "1", &id, 1, nil},
		{"", "1", nil, -1, kerr.InvalidRequest},
		{"kgo", "-1", nil, -1, kerr.InvalidRequest},
		{"k go", "1", nil, -1, kerr.InvalidRequest},
		{"kgo", "1", &id, -1, kerr.InvalidRequest},
		{"kgo", "1", nil, 1, kerr.InvalidRequest},
		{"kgo", "1", &other, 1, kerr.RebootstrapRequired},
		{"kgo", "1", &id, 2, kerr.RebootstrapRequired},
	} {
		req := kmsg.NewPtrApiVersionsRequest()
		req.Version, req.ClientSoftwareName, req.ClientSoftwareVersion, req.ClusterID, req.NodeID = 5, c.name, c.version, c.cluster, c.node
		resp := ask[*kmsg.ApiVersionsResponse](s.dial(), req)
		if got := kerr.ErrorForCode(resp.ErrorCode); c.want == nil && got != nil || c.want != nil && got != c.want {
			t.Errorf("%+v: got %v", c, got)
		}
	}
}
