package broker

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/metadata"
)

// Bits of the operations that anybody may do, since access is not controlled here
// (KIP-430).
const (
	topicOperations   = 1<<3 | 1<<4 | 1<<5 | 1<<6 | 1<<7 | 1<<8 | 1<<10 | 1<<11
	clusterOperations = 1<<5 | 1<<7 | 1<<8 | 1<<9 | 1<<10 | 1<<11 | 1<<12
)

func (b *Broker) metadata(_ context.Context, c *call, req *kmsg.MetadataRequest) kmsg.Response {
	resp := reply[*kmsg.MetadataResponse](req)
	broker := kmsg.NewMetadataResponseBroker()
	broker.NodeID, broker.Host, broker.Port = b.cfg.NodeID, c.conn.info.AdvertisedHost, c.conn.info.AdvertisedPort
	resp.Brokers = append(resp.Brokers, broker)
	id := b.ClusterID()
	resp.ClusterID, resp.ControllerID = &id, b.cfg.NodeID
	if req.IncludeClusterAuthorizedOperations {
		resp.AuthorizedOperations = clusterOperations
	}
	if wantsAll(req) {
		b.describeAll(req, resp)
	} else {
		b.describeAsked(c, req, resp)
	}
	return resp
}

// wantsAll: null means all topics; before there was null (version 1), none did.
func wantsAll(req *kmsg.MetadataRequest) bool {
	return req.Topics == nil || req.Version == 0 && len(req.Topics) == 0
}

func (b *Broker) describeAll(req *kmsg.MetadataRequest, resp *kmsg.MetadataResponse) {
	topics := b.store.Snapshot()
	resp.Topics = make([]kmsg.MetadataResponseTopic, 0, topics.Len())
	replicas := []int32{b.cfg.NodeID}
	for t := range topics.All() {
		resp.Topics = append(resp.Topics, describeTopic(t, req, replicas))
	}
}

// describeAsked answers for the topics that the request names, each once.
func (b *Broker) describeAsked(c *call, req *kmsg.MetadataRequest, resp *kmsg.MetadataResponse) {
	mutations := c.mutations(never)
	created := b.autoCreate(req, mutations)
	resp.ThrottleMillis = mutations.mute()
	topics := b.store.Snapshot()
	replicas := []int32{b.cfg.NodeID}
	seen := make(map[metadata.ID]bool, len(req.Topics))
	for i := range req.Topics {
		rt := &req.Topics[i]
		t, code := findTopic(topics, rt)
		switch {
		case t != nil && seen[t.ID]:
		case t != nil:
			seen[t.ID] = true
			resp.Topics = append(resp.Topics, describeTopic(t, req, replicas))
		case code != 0:
			st := kmsg.NewMetadataResponseTopic()
			st.Topic, st.TopicID, st.ErrorCode = rt.Topic, rt.TopicID, code
			if err := created[nameOf(rt)]; err != nil {
				st.ErrorCode, _ = codeOf(err)
			}
			resp.Topics = append(resp.Topics, st)
		}
	}
}

func nameOf(rt *kmsg.MetadataRequestTopic) string {
	if rt.Topic == nil {
		return ""
	}
	return *rt.Topic
}

// findTopic looks a topic up by id, if the request has one, or else by name.
func findTopic(topics *metadata.Snapshot, rt *kmsg.MetadataRequestTopic) (*metadata.Topic, int16) {
	if id := metadata.ID(rt.TopicID); id != (metadata.ID{}) {
		return topics.TopicByID(id), kerr.UnknownTopicID.Code
	}
	if rt.Topic == nil {
		return nil, 0
	}
	t := topics.Topic(*rt.Topic)
	if t == nil && metadata.CheckName(*rt.Topic) != nil {
		return nil, kerr.InvalidTopicException.Code
	}
	return t, kerr.UnknownTopicOrPartition.Code
}

func describeTopic(t *metadata.Topic, req *kmsg.MetadataRequest, replicas []int32) kmsg.MetadataResponseTopic {
	st := kmsg.NewMetadataResponseTopic()
	st.Topic, st.TopicID, st.IsInternal = &t.Name, t.ID, t.Internal()
	st.Partitions = make([]kmsg.MetadataResponseTopicPartition, len(t.Partitions))
	for n, p := range t.Partitions {
		sp := &st.Partitions[n]
		sp.Default()
		sp.Partition, sp.Leader, sp.LeaderEpoch = int32(n), replicas[0], p.LeaderEpoch()
		sp.Replicas, sp.ISR = replicas, replicas
	}
	if req.IncludeTopicAuthorizedOperations {
		st.AuthorizedOperations = topicOperations
	}
	return st
}

// autoCreate creates the topics that the request names and that are not there,
// if that is allowed. It returns why some could not be created, by name.
func (b *Broker) autoCreate(req *kmsg.MetadataRequest, mutations *mutations) map[string]error {
	if !b.cfg.AutoCreateTopics || req.Version >= 4 && !req.AllowAutoTopicCreation {
		return nil
	}
	topics := b.store.Snapshot()
	var specs []metadata.Spec
	seen := make(map[string]bool)
	for i := range req.Topics {
		rt := &req.Topics[i]
		if t, code := findTopic(topics, rt); t == nil && code == kerr.UnknownTopicOrPartition.Code && !seen[*rt.Topic] {
			seen[*rt.Topic] = true
			specs = append(specs, b.spec(*rt.Topic))
		}
	}
	failed := make(map[string]error)
	if len(specs) == 0 {
		return failed
	}
	for _, spec := range specs {
		_ = mutations.take(spec.Partitions) // not strict, so it refuses nothing
	}
	for i, c := range b.store.Create(specs, false) {
		if c.Err != nil {
			failed[specs[i].Name] = c.Err
		}
	}
	return failed
}

// spec is how a topic is created that nobody said anything about but its name.
func (b *Broker) spec(name string) metadata.Spec {
	switch name {
	case metadata.OffsetsTopic:
		return b.offsetsTopic().spec
	case metadata.TransactionsTopic:
		return b.transactionsTopic().spec
	}
	return metadata.Spec{Name: name, Partitions: b.cfg.DefaultPartitions}
}
