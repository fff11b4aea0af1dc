package broker

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/metadata"
)

func describePartitions(limit int32, cursor *kmsg.DescribeTopicPartitionsRequestCursor, topics ...string) *kmsg.DescribeTopicPartitionsRequest {
	req := kmsg.NewPtrDescribeTopicPartitionsRequest()
	req.ResponsePartitionLimit, req.Cursor = limit, cursor
	for _, name := range topics {
		req.Topics = append(req.Topics, kmsg.DescribeTopicPartitionsRequestTopic{Topic: name})
	}
	return req
}

// shown is what a page shows: "topic/partition", and the cursor.
func shown(resp *kmsg.DescribeTopicPartitionsResponse) string {
	var list []string
	for _, st := range resp.Topics {
		if st.ErrorCode != 0 || len(st.Partitions) == 0 {
			list = append(list, fmt.Sprintf("%s:%v", *st.Topic, kerr.ErrorForCode(st.ErrorCode)))
		}
		for _, sp := range st.Partitions {
			list = append(list, fmt.Sprint(*st.Topic, "/", sp.Partition))
		}
	}
	if c := resp.NextCursor; c != nil {
		list = append(list, fmt.Sprint("next ", c.Topic, "/", c.Partition))
	}
	return fmt.Sprint(list)
}

func TestPartitionsAreDescribedPageByPage(t *testing.T) {
	s := start(t)
	s.topic("c", 1)
	s.topic("a", 3)
	s.topic("b", 2)
	for _, c := range []struct {
		topics []string
		pages  []string
	}{
		{nil, []string{"[a/0 a/1 next a/2]", "[a/2 b/0 next b/1]", "[b/1 c/0]"}},
		{[]string{"c", "b", "c"}, []string{"[b/0 b/1 next c/0]", "[c/0]"}},
		{[]string{"b", "bb", "c"}, []string{"[b/0 b/1 next bb/0]", "[bb:" + kerr.UnknownTopicOrPartition.Error() + " c/0]"}},
		{[]string{"a/", "c"}, []string{"[a/:" + kerr.InvalidTopicException.Error() + " c/0]"}},
	} {
		var cursor *kmsg.DescribeTopicPartitionsRequestCursor
		for i, want := range c.pages {
			resp := ask[*kmsg.DescribeTopicPartitionsResponse](s.dial(), describePartitions(2, cursor, c.topics...))
			if got := shown(resp); got != want {
				t.Errorf("%v, page %d: got %s, want %s", c.topics, i, got, want)
			}
			if cursor = nil; resp.NextCursor != nil {
				cursor = &kmsg.DescribeTopicPartitionsRequestCursor{Topic: resp.NextCursor.Topic, Partition: resp.NextCursor.Partition}
			}
		}
		if cursor != nil {
			t.Errorf("%v: there is a page more", c.topics)
		}
	}
}

func TestCursorsMayStandAnywhere(t *testing.T) {
	s := start(t)
	s.topic("a", 1)
	s.topic("c", 2)
	at := func(topic string, partition int32) *kmsg.DescribeTopicPartitionsRequestCursor {
		return &kmsg.DescribeTopicPartitionsRequestCursor{Topic: topic, Partition: partition}
	}
	refused := "[a:" + kerr.InvalidRequest.Error() + " c:" + kerr.InvalidRequest.Error() + "]"
	for _, c := range []struct {
		cursor *kmsg.DescribeTopicPartitionsRequestCursor
		topics []string
		want   string
	}{
		{at("b", 0), nil, "[c/0 c/1]"},
		{at("c", 1), nil, "[c/1]"},
		{at("c", 9), nil, "[c:<nil>]"},
		{at("d", 0), nil, "[]"},
		{at("c", 1), []string{"c", "a"}, "[c/1]"},
		{at("b", 0), []string{"a", "c"}, refused},
		{at("d", 0), []string{"a", "c"}, refused},
		{at("a", -1), []string{"a", "c"}, refused},
	} {
		resp := ask[*kmsg.DescribeTopicPartitionsResponse](s.dial(), describePartitions(10, c.cursor, c.topics...))
		if got := shown(resp); got != c.want {
			t.Errorf("%+v of %v: got %s, want %s", *c.cursor, c.topics, got, c.want)
		}
	}
}

func TestAPageHasAtMostTwoThousandPartitions(t *testing.T) {
	s := start(t)
	s.topic("a", maxDescribedPartitions+1)
	for limit, want := range map[int32]int{-1: 1, 0: 1, 7: 7, 1 << 30: maxDescribedPartitions} {
		resp := ask[*kmsg.DescribeTopicPartitionsResponse](s.dial(), describePartitions(limit, nil))
		if got := len(resp.Topics[0].Partitions); got != want || resp.NextCursor.Partition != int32(want) {
			t.Errorf("limit %d: got %d partitions, then %+v", limit, got, resp.NextCursor)
		}
	}
}

func TestDescribedPartitionsHaveTheirTopicsDetails(t *testing.T) {
	s := start(t)
	s.Create(t, metadata.OffsetsTopic)
	st := ask[*kmsg.DescribeTopicPartitionsResponse](s.dial(), describePartitions(1, nil, metadata.OffsetsTopic)).Topics[0]
	sp := st.Partitions[0]
	if !st.IsInternal || st.TopicID != s.store.Snapshot().Topic(metadata.OffsetsTopic).ID || st.AuthorizedOperations != topicOperations {
		t.Errorf("got %+v", st)
	}
	if sp.LeaderID != 1 || sp.LeaderEpoch != 0 || !slices.Equal(sp.Replicas, []int32{1}) || !slices.Equal(sp.ISR, []int32{1}) || len(sp.OfflineReplicas)+len(sp.EligibleLeaderReplicas) > 0 {
		t.Errorf("got %+v", sp)
	}
	if !errors.Is(kerr.ErrorForCode(st.ErrorCode), nil) {
		t.Errorf("error %d", st.ErrorCode)
	}
}
