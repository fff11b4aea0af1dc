package broker

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// uncleanElection is the larger of the two election types; 0 is preferred.
const uncleanElection = 1

// electLeaders elects partitions' leaders (KIP-183, KIP-460). A partition's only
// replica leads it, so no election is ever needed.
func (b *Broker) electLeaders(_ context.Context, _ *call, req *kmsg.ElectLeadersRequest) kmsg.Response {
	resp := reply[*kmsg.ElectLeadersResponse](req)
	var refused error
	if req.ElectionType < 0 || req.ElectionType > uncleanElection {
		refused = refuse(kerr.InvalidRequest, "there is no election of type %d", req.ElectionType)
		resp.ErrorCode, _ = codeOf(refused)
	}
	topics := b.store.Snapshot()
	for _, rt := range req.Topics { // of all topics none would be told: they are led as they should be
		st := kmsg.NewElectLeadersResponseTopic()
		st.Topic = rt.Topic
		for _, n := range rt.Partitions {
			err := refused
			if err == nil {
				_, err = findPartition(topics.Topic(rt.Topic), n, -1)
			}
			if err == nil {
				err = refuse(kerr.ElectionNotNeeded, "broker %d leads the partition, it is the only one", b.cfg.NodeID)
			}
			sp := kmsg.NewElectLeadersResponseTopicPartition()
			sp.Partition = n
			sp.ErrorCode, sp.ErrorMessage = messageOf(err)
			st.Partitions = append(st.Partitions, sp)
		}
		resp.Topics = append(resp.Topics, st)
	}
	return resp
}
