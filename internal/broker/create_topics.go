package broker

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/metadata"
	"github.com/evidentlog/evident/internal/broker/topicconfig"
)

const (
	// replicationFactor is what every topic has.
	replicationFactor = 1
	// createTopicsStrict is the first version with THROTTLING_QUOTA_EXCEEDED (KIP-599).
	createTopicsStrict = 6
)

func (b *Broker) createTopics(_ context.Context, c *call, req *kmsg.CreateTopicsRequest) kmsg.Response {
	resp := reply[*kmsg.CreateTopicsResponse](req)
	named := make(map[string]int, len(req.Topics))
	for i := range req.Topics {
		named[req.Topics[i].Topic]++
	}
	var specs []metadata.Spec
	mutations := c.mutations(createTopicsStrict)
	for i := range req.Topics {
		rt := &req.Topics[i]
		if named[rt.Topic] == 0 { // answered already
			continue
		}
		spec, err := b.specOf(rt)
		if named[rt.Topic] > 1 {
			err = refuse(kerr.InvalidRequest, "topic %q is named more than once", rt.Topic)
		}
		named[rt.Topic] = 0
		if err == nil {
			err = mutations.take(spec.Partitions)
		}
		if err != nil {
			resp.Topics = append(resp.Topics, createFailed(rt.Topic, err))
			continue
		}
		specs = append(specs, spec)
	}
	for i, made := range b.store.Create(specs, req.ValidateOnly) {
		if made.Err != nil {
			resp.Topics = append(resp.Topics, createFailed(specs[i].Name, made.Err))
			continue
		}
		resp.Topics = append(resp.Topics, b.createdTopic(made.Topic, req))
	}
	resp.ThrottleMillis = mutations.mute()
	return resp
}

func createFailed(name string, err error) kmsg.CreateTopicsResponseTopic {
	st := kmsg.NewCreateTopicsResponseTopic()
	st.Topic = name
	st.ErrorCode, st.ErrorMessage = messageOf(err)
	st.NumPartitions, st.ReplicationFactor = -1, -1
	return st
}

// createdTopic describes a new topic with all its properties (KIP-525).
func (b *Broker) createdTopic(t *metadata.Topic, req *kmsg.CreateTopicsRequest) kmsg.CreateTopicsResponseTopic {
	st := kmsg.NewCreateTopicsResponseTopic()
	st.Topic, st.NumPartitions, st.ReplicationFactor = t.Name, int32(len(t.Partitions)), replicationFactor
	if !req.ValidateOnly {
		st.TopicID = t.ID
	}
	if req.Version < 5 {
		return st
	}
	for _, e := range topicconfig.Describe(t.Configs, b.cfg.TopicDefaults) {
		sc := kmsg.NewCreateTopicsResponseTopicConfig()
		sc.Name, sc.Value, sc.Source = e.Name, &e.Value, int8(e.Source)
		st.Configs = append(st.Configs, sc)
	}
	return st
}

// specOf reads one topic of the request. Of several mistakes Kafka's controller
// tells the first in this order: name, existence, configs, partitions.
func (b *Broker) specOf(rt *kmsg.CreateTopicsRequestTopic) (metadata.Spec, error) {
	spec := metadata.Spec{Name: rt.Topic, Configs: make(map[string]string, len(rt.Configs))}
	if rt.Topic == metadata.PartitionTopic {
		return spec, refuse(kerr.InvalidRequest, "topic %s belongs to the broker, clients cannot create it", rt.Topic)
	}
	if err := metadata.CheckName(rt.Topic); err != nil {
		return spec, err
	}
	if b.store.Snapshot().Topic(rt.Topic) != nil {
		return spec, fmt.Errorf("%w: %q", metadata.ErrExists, rt.Topic)
	}
	for _, rc := range rt.Configs {
		if rc.Value == nil {
			return spec, refuse(kerr.InvalidConfig, "%s has no value", rc.Name)
		}
		spec.Configs[rc.Name] = *rc.Value
	}
	n, err := b.partitionsOf(rt)
	if err == nil {
		err = metadata.CheckCount(n)
	}
	if spec.Partitions = n; err == nil {
		return spec, nil // the store checks the configs
	}
	if _, mistake := topicconfig.Settings(spec.Configs, b.cfg.TopicDefaults); mistake != nil {
		err = mistake
	}
	return spec, err
}

func (b *Broker) partitionsOf(rt *kmsg.CreateTopicsRequestTopic) (int, error) {
	if len(rt.ReplicaAssignment) > 0 {
		return b.assignedPartitions(rt)
	}
	enough := rt.NumPartitions == -1 || rt.NumPartitions > 0
	if rt.ReplicationFactor < -1 || rt.ReplicationFactor == 0 || rt.ReplicationFactor > replicationFactor && enough {
		return 0, refuse(kerr.InvalidReplicationFactor, "replication factor is %d, must be 1 or -1: there is one broker", rt.ReplicationFactor)
	}
	if rt.NumPartitions == -1 {
		return b.spec(rt.Topic).Partitions, nil
	}
	return int(rt.NumPartitions), nil
}

// assignedPartitions counts the partitions of a manual assignment, which must
// number them from 0 on and put each on this broker alone.
func (b *Broker) assignedPartitions(rt *kmsg.CreateTopicsRequestTopic) (int, error) {
	if rt.NumPartitions != -1 || rt.ReplicationFactor != -1 {
		return 0, refuse(kerr.InvalidRequest, "with a replica assignment, partitions and replication factor must be -1, not %d and %d",
			rt.NumPartitions, rt.ReplicationFactor)
	}
	n := len(rt.ReplicaAssignment)
	seen := make(map[int32]bool, n)
	for _, ra := range rt.ReplicaAssignment {
		if ra.Partition < 0 || int(ra.Partition) >= n || seen[ra.Partition] {
			return 0, refuse(kerr.InvalidReplicaAssignment, "partition %d: the assignment must name 0 to %d, each once", ra.Partition, n-1)
		}
		seen[ra.Partition] = true
		if err := b.checkReplicas(ra.Replicas); err != nil {
			return 0, err
		}
	}
	return n, nil
}

func (b *Broker) checkReplicas(replicas []int32) error {
	if len(replicas) != replicationFactor || replicas[0] != b.cfg.NodeID {
		return refuse(kerr.InvalidReplicaAssignment, "replicas are %v, must be [%d]: there is one broker", replicas, b.cfg.NodeID)
	}
	return nil
}
