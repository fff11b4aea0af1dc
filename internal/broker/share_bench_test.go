package broker

import (
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/evidentlog/evident/internal/broker/metadata"
	"github.com/evidentlog/evident/internal/broker/topicconfig"
	"github.com/evidentlog/evident/internal/log/batch"
)

// BenchmarkShareGroup measures how fast eight members of a share group work off
// four partitions on the disk: fetched 500 records at a time and accepted with the
// next fetch, which is answered when that is durable. The records are in batches of
// 100, have 10,000 keys and 10 priorities. The processor's time is that of broker
// and members together, which do not look at the records.
func BenchmarkShareGroup(b *testing.B) {
	for _, size := range []int{100, 1024} {
		for _, order := range []struct {
			name    string
			configs map[string]string
		}{
			{"offsets", nil},
			{"key", map[string]string{topicconfig.QueueOrder: topicconfig.QueueOrderKey}},
			{"priority", map[string]string{topicconfig.QueuePriorityHeader: "p"}},
			{"key+priority", map[string]string{topicconfig.QueueOrder: topicconfig.QueueOrderKey, topicconfig.QueuePriorityHeader: "p"}},
		} {
			b.Run(fmt.Sprintf("%dB/%s", size, order.name), func(b *testing.B) {
				s := onDisk(b)
				const partitions, records = 4, 100_000
				made := s.store.Create([]metadata.Spec{{Name: "q", Partitions: partitions, Configs: order.configs}}, false)[0]
				if made.Err != nil {
					b.Fatal(made.Err)
				}
				for p := range int32(partitions) {
					s.fillQueue(made.Topic, p, records/partitions, size)
				}
				round := 0
				before := processorTime(b)
				for b.Loop() {
					round++
					s.workOff(b, made.Topic, "g"+strconv.Itoa(round), records)
				}
				all := float64(records * b.N)
				b.ReportMetric(all/b.Elapsed().Seconds(), "records/s")
				b.ReportMetric((processorTime(b)-before).Seconds()*1e6/all, "cpu-µs/record")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// processorTime is what the process has used so far.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// fillQueue appends records of about so many bytes, in batches of 100.
func (s *server) fillQueue(topic *metadata.Topic, partition int32, records, size int) {
	value := make([]byte, size)
	for n := 0; n < records; {
		b := new(batch.Codecs).NewBuilder(batch.Head{})
		for range 100 {
			r := batch.Record{Timestamp: time.Now().UnixMilli(), Key: []byte("key-" + strconv.Itoa(n*7919%10_000)), Value: value}
			r.Headers = r.Headers.Append("p", []byte(strconv.Itoa(n%10)))
			if err := b.Append(r); err != nil {
				s.t.Fatal(err)
			}
			n++
		}
		raw, err := b.Build()
		if err != nil {
			s.t.Fatal(err)
		}
		s.appendRaw(topic, partition, raw)
	}
}

// workOff has a new group accept all records of a topic, from the first on.
func (s *server) workOff(b *testing.B, topic *metadata.Topic, group string, records int64) {
	b.Helper()
	err := s.store.ConfigureGroup(group, false, func(map[string]string) (map[string]string, error) {
		return map[string]string{"share.auto.offset.reset": "earliest"}, nil
	})
	if err != nil {
		b.Fatal(err)
	}
	var left atomic.Int64
	left.Store(records)
	var members errgroup.Group
	for i := range 8 {
		m := newSharer(s.dial(), group, strconv.Itoa(i), topic.ID)
		if err := m.SetDeadline(time.Time{}); err != nil {
			b.Fatal(err)
		}
		members.Go(func() error {
			defer m.Close()
			if err := m.beat("q"); err != nil {
				return err
			}
			return m.workOff(len(topic.Partitions), &left)
		})
	}
	if err := members.Wait(); err != nil {
		b.Fatal(err)
	}
}

// workOff accepts records of so many partitions until nothing is left.
func (m *sharer) workOff(partitions int, left *atomic.Int64) error {
	topic := kmsg.ShareFetchRequestTopic{TopicID: m.topic}
	for p := range int32(partitions) {
		topic.Partitions = append(topic.Partitions, kmsg.ShareFetchRequestTopicPartition{Partition: p})
	}
	for left.Load() > 0 {
		req := kmsg.NewPtrShareFetchRequest()
		req.Version, req.GroupID, req.MemberID, req.ShareSessionEpoch = 2, &m.group, &m.id, m.session
		req.MaxWaitMillis, req.MinBytes, req.MaxBytes, req.MaxRecords, req.BatchSize = 500, 1, 50<<20, 500, 500
		if len(topic.Partitions) > 0 {
			req.Topics = []kmsg.ShareFetchRequestTopic{topic}
		}
		resp := ask[*kmsg.ShareFetchResponse](m.raw, req)
		if resp.ErrorCode != 0 {
			return fmt.Errorf("fetch: %d", resp.ErrorCode)
		}
		m.session++
		topic.Partitions = nil
		for i := range resp.Topics {
			for j := range resp.Topics[i].Partitions {
				sp := &resp.Topics[i].Partitions[j]
				if sp.ErrorCode != 0 || sp.AcknowledgeErrorCode != 0 {
					return fmt.Errorf("partition %d: %d, %d", sp.Partition, sp.ErrorCode, sp.AcknowledgeErrorCode)
				}
				if accepted := acceptAll(sp); len(accepted.AcknowledgementBatches) > 0 {
					topic.Partitions = append(topic.Partitions, accepted)
				}
				for _, r := range sp.AcquiredRecords {
					left.Add(r.FirstOffset - r.LastOffset - 1)
				}
			}
		}
	}
	return nil
}

// acceptAll accepts what was acquired.
func acceptAll(sp *kmsg.ShareFetchResponseTopicPartition) kmsg.ShareFetchRequestTopicPartition {
	rp := kmsg.ShareFetchRequestTopicPartition{Partition: sp.Partition}
	for _, r := range sp.AcquiredRecords {
		rp.AcknowledgementBatches = append(rp.AcknowledgementBatches, kmsg.ShareFetchRequestTopicPartitionAcknowledgementBatch{
			FirstOffset: r.FirstOffset, LastOffset: r.LastOffset, AcknowledgeTypes: []int8{1}})
	}
	return rp
}
