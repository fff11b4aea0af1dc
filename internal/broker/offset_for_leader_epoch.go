package broker

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/metadata"
)

// offsetForLeaderEpoch answers where a leader epoch ended (KIP-101, KIP-320).
// Consumers ask to find out whether records they read were truncated since.
func (b *Broker) offsetForLeaderEpoch(_ context.Context, _ *call, req *kmsg.OffsetForLeaderEpochRequest) kmsg.Response {
	resp := reply[*kmsg.OffsetForLeaderEpochResponse](req)
	topics := b.store.Snapshot()
	for _, rt := range req.Topics {
		st := kmsg.NewOffsetForLeaderEpochResponseTopic()
		st.Topic = rt.Topic
		for _, rp := range rt.Partitions {
			st.Partitions = append(st.Partitions, epochEnd(topics.Topic(rt.Topic), &rp))
		}
		resp.Topics = append(resp.Topics, st)
	}
	return resp
}

// epochEnd answers for one partition. The current epoch, which is the only one
// whose end is known, ends at the high watermark; any other gives "undefined", -1.
func epochEnd(t *metadata.Topic, rp *kmsg.OffsetForLeaderEpochRequestTopicPartition) kmsg.OffsetForLeaderEpochResponseTopicPartition {
	sp := kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
	sp.Partition = rp.Partition
	sp.LeaderEpoch, sp.EndOffset = -1, -1
	p, err := findPartition(t, rp.Partition, rp.CurrentLeaderEpoch)
	sp.ErrorCode, _ = codeOf(err)
	if err == nil && rp.LeaderEpoch == p.LeaderEpoch() {
		sp.LeaderEpoch, sp.EndOffset = rp.LeaderEpoch, p.HighWatermark()
	}
	return sp
}
