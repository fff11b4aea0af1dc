package broker

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// createPartitionsStrict is the first version with THROTTLING_QUOTA_EXCEEDED (KIP-599).
const createPartitionsStrict = 3

func (b *Broker) createPartitions(_ context.Context, c *call, req *kmsg.CreatePartitionsRequest) kmsg.Response {
	resp := reply[*kmsg.CreatePartitionsResponse](req)
	named := make(map[string]int, len(req.Topics))
	for i := range req.Topics {
		named[req.Topics[i].Topic]++
	}
	mutations := c.mutations(createPartitionsStrict)
	for i := range req.Topics {
		rt := &req.Topics[i]
		if named[rt.Topic] == 0 { // answered already
			continue
		}
		st := kmsg.NewCreatePartitionsResponseTopic()
		st.Topic = rt.Topic
		if named[rt.Topic] > 1 {
			st.ErrorCode, st.ErrorMessage = messageOf(refuse(kerr.InvalidRequest, "topic %q is named more than once", rt.Topic))
		} else {
			st.ErrorCode, st.ErrorMessage = messageOf(b.addPartitions(rt, req.ValidateOnly, mutations))
		}
		named[rt.Topic] = 0
		resp.Topics = append(resp.Topics, st)
	}
	resp.ThrottleMillis = mutations.mute()
	return resp
}

func (b *Broker) addPartitions(rt *kmsg.CreatePartitionsRequestTopic, validateOnly bool, mutations *mutations) error {
	t := b.store.Snapshot().Topic(rt.Topic)
	if t != nil && t.Internal() {
		return refuse(kerr.InvalidTopicException, "the number of partitions of %s cannot be changed: groups would lose their offsets", t.Name)
	}
	if t != nil && int(rt.Count) > len(t.Partitions) {
		added := int(rt.Count) - len(t.Partitions)
		if err := b.checkAssignment(rt, added); err != nil {
			return err
		}
		if err := mutations.take(added); err != nil {
			return err
		}
	}
	return b.store.AddPartitions(rt.Topic, int(rt.Count), validateOnly)
}

// checkAssignment: if there is one, it must be one of this broker alone for each
// partition added.
func (b *Broker) checkAssignment(rt *kmsg.CreatePartitionsRequestTopic, added int) error {
	if rt.Assignment != nil && len(rt.Assignment) != added {
		return refuse(kerr.InvalidReplicaAssignment, "%d partitions are added, the assignment has %d", added, len(rt.Assignment))
	}
	for _, a := range rt.Assignment {
		if err := b.checkReplicas(a.Replicas); err != nil {
			return err
		}
	}
	return nil
}
