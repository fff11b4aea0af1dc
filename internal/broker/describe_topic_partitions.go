package broker

import (
	"context"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/metadata"
)

// maxDescribedPartitions is how many partitions one answer describes at most
// (max.request.partition.size.limit).
const maxDescribedPartitions = 2000

// describeTopicPartitions describes topics by name, a page at a time (KIP-966).
func (b *Broker) describeTopicPartitions(_ context.Context, _ *call, req *kmsg.DescribeTopicPartitionsRequest) kmsg.Response {
	resp := reply[*kmsg.DescribeTopicPartitionsResponse](req)
	topics := b.store.Snapshot()
	names := namesToDescribe(topics, req)
	if err := checkCursor(req, names); err != nil {
		refuseToDescribe(resp, req, err)
		return resp
	}
	left := min(max(int(req.ResponsePartitionLimit), 1), maxDescribedPartitions)
	for _, name := range names {
		if left == 0 {
			resp.NextCursor = cursorAt(name, 0)
			break
		}
		t := topics.Topic(name)
		if t == nil {
			resp.Topics = append(resp.Topics, cannotDescribe(name))
			continue
		}
		first := 0
		if req.Cursor != nil && req.Cursor.Topic == name {
			first = min(int(req.Cursor.Partition), len(t.Partitions))
		}
		end := min(len(t.Partitions), first+left)
		resp.Topics = append(resp.Topics, b.describePage(t, first, end))
		if left -= end - first; end < len(t.Partitions) {
			resp.NextCursor = cursorAt(name, end)
			break
		}
	}
	return resp
}

// namesToDescribe are the topics asked for, or all, from the cursor on, by name.
func namesToDescribe(topics *metadata.Snapshot, req *kmsg.DescribeTopicPartitionsRequest) []string {
	var names []string
	if len(req.Topics) == 0 {
		for t := range topics.All() {
			names = append(names, t.Name)
		}
	}
	for _, rt := range req.Topics {
		names = append(names, rt.Topic)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if req.Cursor != nil {
		i, _ := slices.BinarySearch(names, req.Cursor.Topic)
		names = names[i:]
	}
	return names
}

func checkCursor(req *kmsg.DescribeTopicPartitionsRequest, names []string) error {
	switch c := req.Cursor; {
	case c == nil:
		return nil
	case c.Partition < 0:
		return refuse(kerr.InvalidRequest, "the cursor is at partition %d, must be at least 0", c.Partition)
	case len(req.Topics) > 0 && (len(names) == 0 || names[0] != c.Topic):
		return refuse(kerr.InvalidRequest, "the cursor is at topic %q, which is not among those asked for", c.Topic)
	}
	return nil
}

// refuseToDescribe gives each topic of the request the error: the response has
// none of its own.
func refuseToDescribe(resp *kmsg.DescribeTopicPartitionsResponse, req *kmsg.DescribeTopicPartitionsRequest, err error) {
	for _, rt := range req.Topics {
		st := kmsg.NewDescribeTopicPartitionsResponseTopic()
		st.Topic = &rt.Topic
		st.ErrorCode, _ = codeOf(err)
		resp.Topics = append(resp.Topics, st)
	}
}

func cursorAt(topic string, partition int) *kmsg.DescribeTopicPartitionsResponseNextCursor {
	c := kmsg.NewDescribeTopicPartitionsResponseNextCursor()
	c.Topic, c.Partition = topic, int32(partition)
	return &c
}

// describePage describes the topic with its partitions from first to before end.
func (b *Broker) describePage(t *metadata.Topic, first, end int) kmsg.DescribeTopicPartitionsResponseTopic {
	st := kmsg.NewDescribeTopicPartitionsResponseTopic()
	st.Topic, st.TopicID, st.IsInternal, st.AuthorizedOperations = &t.Name, t.ID, t.Internal(), topicOperations
	replicas := []int32{b.cfg.NodeID}
	for n := first; n < end; n++ {
		sp := kmsg.NewDescribeTopicPartitionsResponseTopicPartition()
		sp.Partition, sp.LeaderID, sp.LeaderEpoch = int32(n), b.cfg.NodeID, t.Partitions[n].LeaderEpoch()
		sp.Replicas, sp.ISR = replicas, replicas
		sp.EligibleLeaderReplicas, sp.LastKnownELR = []int32{}, []int32{}
		st.Partitions = append(st.Partitions, sp)
	}
	return st
}

func cannotDescribe(name string) kmsg.DescribeTopicPartitionsResponseTopic {
	err := metadata.CheckName(name)
	if err == nil {
		err = refuse(kerr.UnknownTopicOrPartition, "there is no topic %q", name)
	}
	st := kmsg.NewDescribeTopicPartitionsResponseTopic()
	st.Topic, st.AuthorizedOperations = &name, topicOperations
	st.ErrorCode, _ = codeOf(err)
	return st
}
