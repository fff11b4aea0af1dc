package broker

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/metadata"
)

// alterPartitionAssignments reassigns replicas (KIP-455; Kafka calls it
// AlterPartitionReassignments). There is one broker, so the only assignment there
// is is the one in force, and no reassignment is ever under way.
func (b *Broker) alterPartitionAssignments(_ context.Context, _ *call, req *kmsg.AlterPartitionAssignmentsRequest) kmsg.Response {
	resp := reply[*kmsg.AlterPartitionAssignmentsResponse](req)
	resp.AllowReplicationFactorChange = req.AllowReplicationFactorChange
	topics := b.store.Snapshot()
	for _, rt := range req.Topics {
		st := kmsg.NewAlterPartitionAssignmentsResponseTopic()
		st.Topic = rt.Topic
		for _, rp := range rt.Partitions {
			sp := kmsg.NewAlterPartitionAssignmentsResponseTopicPartition()
			sp.Partition = rp.Partition
			sp.ErrorCode, sp.ErrorMessage = messageOf(b.reassign(topics.Topic(rt.Topic), &rp))
			st.Partitions = append(st.Partitions, sp)
		}
		resp.Topics = append(resp.Topics, st)
	}
	return resp
}

func (b *Broker) reassign(t *metadata.Topic, rp *kmsg.AlterPartitionAssignmentsRequestTopicPartition) error {
	if _, err := findPartition(t, rp.Partition, -1); err != nil {
		return err
	}
	if rp.Replicas == nil { // asks to cancel
		return refuse(kerr.NoReassignmentInProgress, "no reassignment of the partition is under way: there is one broker")
	}
	return b.checkReplicas(rp.Replicas)
}
