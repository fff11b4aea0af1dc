package conformance

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// listOffset asks for the offset of a time, or of what a negative time means.
func (c *conn) listOffset(topic string, timestamp int64) kmsg.ListOffsetsResponseTopicPartition {
	c.t.Helper()
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID = -1
	rp := kmsg.NewListOffsetsRequestTopicPartition()
	rp.Timestamp = timestamp
	req.Topics = []kmsg.ListOffsetsRequestTopic{{Topic: topic, Partitions: []kmsg.ListOffsetsRequestTopicPartition{rp}}}
	return c.do(req, 7).(*kmsg.ListOffsetsResponse).Topics[0].Partitions[0]
}

func TestOffsetsAreFoundByTime(t *testing.T) {
	c, topic := newLog(t)
	c.mustProduce(topic, of("a", "b", "c").at(1000, 3000, 2000))
	c.mustProduce(topic, of("d", "e").at(2500, 2500))
	c.mustProduce(topic, of("f").at(5000))
	c.mustProduce(topic, of("g").at(4000))
	for _, l := range []struct{ at, offset, timestamp int64 }{
		{0, 0, 1000}, {1000, 0, 1000}, {1001, 1, 3000}, {2000, 1, 3000}, {3000, 1, 3000},
		{3001, 5, 5000}, {4000, 5, 5000}, {5000, 5, 5000}, {5001, -1, -1},
		{-1, 7, -1}, {-2, 0, -1}, {-3, 5, 5000},
	} {
		if got := c.listOffset(topic, l.at); got.ErrorCode != 0 || got.Offset != l.offset || got.Timestamp != l.timestamp {
			t.Errorf("time %d: offset %d at %d, want %d at %d (%s)", l.at, got.Offset, got.Timestamp, l.offset, l.timestamp, codeName(got.ErrorCode))
		}
	}
}

func TestTheFirstOfEqualTimesIsTheGreatest(t *testing.T) {
	c, topic := newLog(t)
	c.mustProduce(topic, of("a", "b").at(7000, 7000))
	c.mustProduce(topic, of("c").at(7000))
	if got := c.listOffset(topic, -3); got.Offset != 0 || got.Timestamp != 7000 {
		t.Errorf("the greatest timestamp is at %d, %d", got.Offset, got.Timestamp)
	}
}

func TestTimesBelowTheLogsStartDoNotCount(t *testing.T) {
	c, topic := newLog(t)
	c.mustProduce(topic, of("a").at(1000))
	c.mustProduce(topic, of("b").at(2000))
	req := kmsg.NewPtrDeleteRecordsRequest()
	req.TimeoutMillis = 10_000
	req.Topics = []kmsg.DeleteRecordsRequestTopic{{Topic: topic, Partitions: []kmsg.DeleteRecordsRequestTopicPartition{{Partition: 0, Offset: 1}}}}
	if p := c.do(req, 2).(*kmsg.DeleteRecordsResponse).Topics[0].Partitions[0]; p.ErrorCode != 0 {
		t.Fatalf("%+v", p)
	}
	if got := c.listOffset(topic, 500); got.Offset != 1 || got.Timestamp != 2000 {
		t.Errorf("offset %d at %d", got.Offset, got.Timestamp)
	}
}
