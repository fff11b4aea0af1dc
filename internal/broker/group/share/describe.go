package share

import (
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/group/consumer"
)

// assignorName is that of Kafka's only assignor for share groups.
const assignorName = "simple"

// Describe returns what ShareGroupDescribe shows.
func (g *Group) Describe(topics consumer.Topics) kmsg.ShareGroupDescribeResponseGroup {
	d := kmsg.NewShareGroupDescribeResponseGroup()
	d.GroupID, d.GroupState, d.Assignor = g.id, g.State(), assignorName
	d.GroupEpoch, d.AssignmentEpoch = g.epoch, g.targetEpoch
	for _, id := range slices.Sorted(maps.Keys(g.members)) {
		m := g.members[id]
		dm := kmsg.NewShareGroupDescribeResponseGroupMember()
		dm.MemberID, dm.MemberEpoch = m.id, m.epoch
		dm.ClientID, dm.ClientHost = m.client.ID, m.client.Host
		dm.SubscribedTopicNames = m.wants
		if m.rackID != "" {
			dm.RackID = &m.rackID
		}
		for _, id := range m.assigned.topics() {
			if name, ok := topics.ByID(id); ok {
				t := kmsg.NewShareGroupDescribeResponseGroupMemberAssignmentTopicPartition()
				t.TopicID, t.Topic, t.Partitions = id, name, m.assigned[id]
				dm.Assignment.TopicPartitions = append(dm.Assignment.TopicPartitions, t)
			}
		}
		d.Members = append(d.Members, dm)
	}
	return d
}
