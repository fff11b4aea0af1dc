package broker

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/metadata"
)

// describeQuorum describes the voters of the metadata partition (KIP-595): this
// broker alone, which has all records that are durable.
func (b *Broker) describeQuorum(_ context.Context, _ *call, req *kmsg.DescribeQuorumRequest) kmsg.Response {
	resp := reply[*kmsg.DescribeQuorumResponse](req)
	known := asksForMetadata(req)
	for _, rt := range req.Topics {
		st := kmsg.NewDescribeQuorumResponseTopic()
		st.Topic = rt.Topic
		for _, rp := range rt.Partitions {
			sp := kmsg.NewDescribeQuorumResponseTopicPartition()
			if known {
				sp = b.quorum()
			} else {
				sp.ErrorCode, sp.ErrorMessage = messageOf(refuse(kerr.UnknownTopicOrPartition, "only %s-0 has a quorum, and it is asked for alone", metadata.PartitionTopic))
			}
			sp.Partition = rp.Partition
			st.Partitions = append(st.Partitions, sp)
		}
		resp.Topics = append(resp.Topics, st)
	}
	if known {
		node := kmsg.NewDescribeQuorumResponseNode()
		node.NodeID = b.cfg.NodeID
		resp.Nodes = append(resp.Nodes, node)
	}
	return resp
}

// asksForMetadata tells if the request is for the metadata partition and nothing else.
func asksForMetadata(req *kmsg.DescribeQuorumRequest) bool {
	return len(req.Topics) == 1 && req.Topics[0].Topic == metadata.PartitionTopic &&
		len(req.Topics[0].Partitions) == 1 && req.Topics[0].Partitions[0].Partition == 0
}

func (b *Broker) quorum() kmsg.DescribeQuorumResponseTopicPartition {
	end, now := b.store.End(), b.cfg.Now().UnixMilli()
	voter := kmsg.NewDescribeQuorumResponseTopicPartitionReplicaState()
	voter.ReplicaID, voter.LogEndOffset = b.cfg.NodeID, end
	voter.LastFetchTimestamp, voter.LastCaughtUpTimestamp = now, now
	sp := kmsg.NewDescribeQuorumResponseTopicPartition()
	sp.LeaderID, sp.HighWatermark = b.cfg.NodeID, end
	sp.CurrentVoters = append(sp.CurrentVoters, voter)
	return sp
}
