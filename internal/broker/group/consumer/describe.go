package consumer

import (
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Kinds of members in a description.
const (
	classicMember  = 0
	consumerMember = 1
)

// Describe returns what ConsumerGroupDescribe shows.
func (g *Group) Describe(topics Topics) kmsg.ConsumerGroupDescribeResponseGroup {
	d := kmsg.NewConsumerGroupDescribeResponseGroup()
	d.Group, d.State, d.AssignorName = g.id, g.State().String(), g.assignorName()
	d.Epoch, d.AssignmentEpoch = g.epoch, g.targetEpoch
	for _, m := range g.order {
		dm := kmsg.NewConsumerGroupDescribeResponseGroupMember()
		dm.MemberID, dm.MemberEpoch = m.id, m.epoch
		dm.InstanceID, dm.RackID = nonEmpty(m.instanceID), nonEmpty(m.rackID)
		dm.ClientID, dm.ClientHost = m.client.ID, m.client.Host
		dm.SubscribedTopics, dm.SubscribedTopicRegex = m.reads.names, &m.reads.regex
		dm.Assignment = describe(m.assigned.sorted(), topics)
		dm.TargetAssignment = describe(m.target, topics)
		dm.MemberType = consumerMember
		if m.classic != nil {
			dm.MemberType = classicMember
		}
		d.Members = append(d.Members, dm)
	}
	return d
}

// describe names the topics that still exist.
func describe(partitions []Partition, topics Topics) kmsg.Assignment {
	a := kmsg.NewAssignment()
	runs(partitions, func(topic TopicID, of []Partition) {
		if name, ok := topics.ByID(topic); ok {
			t := kmsg.NewAssignmentTopicPartition()
			t.TopicID, t.Topic, t.Partitions = topic, name, numbers(of)
			a.TopicPartitions = append(a.TopicPartitions, t)
		}
	})
	return a
}

func nonEmpty(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
