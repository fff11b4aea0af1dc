package broker

import (
	"context"
	"math"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/metadata"
)

// describeLogDirs tells how much of the disk there is and what partitions take of
// it (KIP-113, KIP-827). There is one folder. Partitions that are not there are
// left out, as in Kafka.
func (b *Broker) describeLogDirs(_ context.Context, _ *call, req *kmsg.DescribeLogDirsRequest) kmsg.Response {
	resp := reply[*kmsg.DescribeLogDirsResponse](req)
	sd := kmsg.NewDescribeLogDirsResponseDir()
	sd.Dir = b.cfg.Log.Dir()
	space, err := b.cfg.Log.Space()
	if err != nil {
		sd.ErrorCode, _ = codeOf(refuse(kerr.KafkaStorageError, "%v", err))
		resp.Dirs = append(resp.Dirs, sd)
		return resp
	}
	sd.TotalBytes, sd.UsableBytes = clipped(space.Total), clipped(space.Free)
	topics := b.store.Snapshot()
	if req.Topics == nil {
		for t := range topics.All() {
			sd.Topics = append(sd.Topics, describeSizes(t, func(int32) bool { return true }))
		}
	} else {
		sd.Topics = describeAskedSizes(topics, req)
	}
	resp.Dirs = append(resp.Dirs, sd)
	return resp
}

func describeAskedSizes(topics *metadata.Snapshot, req *kmsg.DescribeLogDirsRequest) []kmsg.DescribeLogDirsResponseDirTopic {
	var list []kmsg.DescribeLogDirsResponseDirTopic
	asked := make(map[string]map[int32]bool)
	for _, rt := range req.Topics {
		if asked[rt.Topic] == nil {
			asked[rt.Topic] = make(map[int32]bool)
		}
		for _, n := range rt.Partitions {
			asked[rt.Topic][n] = true
		}
	}
	for name, partitions := range asked {
		t := topics.Topic(name)
		if t == nil {
			continue
		}
		st := describeSizes(t, func(n int32) bool { return partitions[n] })
		if len(st.Partitions) > 0 {
			list = append(list, st)
		}
	}
	return list
}

func describeSizes(t *metadata.Topic, wanted func(int32) bool) kmsg.DescribeLogDirsResponseDirTopic {
	st := kmsg.NewDescribeLogDirsResponseDirTopic()
	st.Topic = t.Name
	for n, p := range t.Partitions {
		if !wanted(int32(n)) {
			continue
		}
		sp := kmsg.NewDescribeLogDirsResponseDirTopicPartition()
		sp.Partition, sp.Size = int32(n), p.Size()
		st.Partitions = append(st.Partitions, sp)
	}
	return st
}

// clipped is n as the protocol can say it.
func clipped(n uint64) int64 { return int64(min(n, math.MaxInt64)) }
