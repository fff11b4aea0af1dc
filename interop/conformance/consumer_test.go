package conformance

import (
	"fmt"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// consumer is a member of a consumer group of KIP-848.
type consumer struct {
	*conn
	group, id, instance string
	epoch               int32
	assigned            []int32 // of the one topic
}

func newConsumer(t *testing.T, group, id string) *consumer {
	t.Helper()
	return &consumer{conn: dial(t, coordinator(t, 0, group)), group: group, id: id}
}

// join subscribes to a topic, and waits until the group is there to be joined.
func (m *consumer) join(topic string) {
	m.t.Helper()
	req := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	req.Group, req.MemberID, req.MemberEpoch, req.RebalanceTimeoutMillis = m.group, m.id, 0, 10_000
	req.SubscribedTopicNames, req.Topics = []string{topic}, []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	if m.instance != "" {
		req.InstanceID = &m.instance
	}
	eventually(m.t, func() error { return code(m.told(m.do(req, 1)).ErrorCode) })
}

// beat says that the member is there and has what it was assigned.
func (m *consumer) beat(topicID [16]byte) *kmsg.ConsumerGroupHeartbeatResponse {
	m.t.Helper()
	req := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	req.Group, req.MemberID, req.MemberEpoch = m.group, m.id, m.epoch
	req.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	if len(m.assigned) > 0 {
		req.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{{TopicID: topicID, Partitions: m.assigned}}
	}
	return m.told(m.do(req, 1))
}

// told takes in what the coordinator says.
func (m *consumer) told(r kmsg.Response) *kmsg.ConsumerGroupHeartbeatResponse {
	resp := r.(*kmsg.ConsumerGroupHeartbeatResponse)
	if resp.ErrorCode != 0 {
		return resp
	}
	m.epoch = resp.MemberEpoch
	if resp.Assignment != nil {
		m.assigned = nil
		for _, topic := range resp.Assignment.Topics {
			m.assigned = append(m.assigned, topic.Partitions...)
		}
		slices.Sort(m.assigned)
	}
	return resp
}

func topicID(t *testing.T, topic string) [16]byte {
	t.Helper()
	req := kmsg.NewPtrMetadataRequest()
	req.Topics = []kmsg.MetadataRequestTopic{{Topic: &topic}}
	return ask[*kmsg.MetadataResponse](t, peer.addresses[0], req, 12).Topics[0].TopicID
}

func TestConsumersShareAndReconcile(t *testing.T) {
	topic := newTopic(t, 4)
	id := topicID(t, topic)
	group := name(t, "group")
	first := newConsumer(t, group, "first")
	first.join(topic)
	eventually(t, func() error {
		if first.beat(id); !slices.Equal(first.assigned, []int32{0, 1, 2, 3}) {
			return fmt.Errorf("alone, it has %v", first.assigned)
		}
		return nil
	})
	second := newConsumer(t, group, "second")
	second.join(topic)
	if len(second.assigned) != 0 {
		t.Errorf("the second has %v before the first gave anything up", second.assigned)
	}
	eventually(t, func() error {
		first.beat(id)
		second.beat(id)
		if len(first.assigned) != 2 || len(second.assigned) != 2 || first.epoch != second.epoch {
			return fmt.Errorf("they have %v and %v in epochs %d and %d", first.assigned, second.assigned, first.epoch, second.epoch)
		}
		return nil
	})
	both := slices.Sorted(slices.Values(slices.Concat(first.assigned, second.assigned)))
	if !slices.Equal(both, []int32{0, 1, 2, 3}) {
		t.Errorf("together they have %v", both)
	}
	commit := kmsg.NewPtrOffsetCommitRequest()
	commit.Group, commit.MemberID, commit.Generation = group, first.id, first.epoch
	rp := kmsg.NewOffsetCommitRequestTopicPartition()
	rp.Partition, rp.Offset = first.assigned[0], 1
	commit.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: topic, Partitions: []kmsg.OffsetCommitRequestTopicPartition{rp}}}
	wantCode(t, "commit", first.do(commit, 9).(*kmsg.OffsetCommitResponse).Topics[0].Partitions[0].ErrorCode, nil)
	second.epoch = -1
	if resp := second.beat(id); resp.ErrorCode != 0 || resp.MemberEpoch != -1 {
		t.Errorf("leaving: %+v", resp)
	}
	eventually(t, func() error {
		if first.beat(id); len(first.assigned) != 4 {
			return fmt.Errorf("alone again, it has %v", first.assigned)
		}
		return nil
	})
}

func TestAStaticConsumerKeepsItsPlaceWhileItIsAway(t *testing.T) {
	topic := newTopic(t, 2)
	id := topicID(t, topic)
	group := name(t, "group")
	first := newConsumer(t, group, "first")
	first.instance = "instance"
	first.join(topic)
	eventually(t, func() error {
		if first.beat(id); len(first.assigned) != 2 {
			return fmt.Errorf("it has %v", first.assigned)
		}
		return nil
	})
	other := newConsumer(t, group, "other")
	other.instance = "instance"
	req := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	req.Group, req.MemberID, req.InstanceID, req.RebalanceTimeoutMillis = group, other.id, &other.instance, 10_000
	req.SubscribedTopicNames, req.Topics = []string{topic}, []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	wantCode(t, "while the first is there", other.do(req, 1).(*kmsg.ConsumerGroupHeartbeatResponse).ErrorCode, kerr.UnreleasedInstanceID)
	leave := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	leave.Group, leave.MemberID, leave.InstanceID, leave.MemberEpoch = group, first.id, &first.instance, -2
	if resp := first.do(leave, 1).(*kmsg.ConsumerGroupHeartbeatResponse); resp.ErrorCode != 0 || resp.MemberEpoch != -2 {
		t.Fatalf("leaving for a while: %+v", resp)
	}
	resp := other.told(other.do(req, 1))
	if resp.ErrorCode != 0 || !slices.Equal(other.assigned, []int32{0, 1}) {
		t.Errorf("the other has %v: %+v", other.assigned, resp)
	}
	wantCode(t, "the first comes back", first.beat(id).ErrorCode, kerr.UnknownMemberID)
}

// A client's own groups, with either protocol, from the first record to the last
// commit.
func TestAClientsGroupReadsEverythingOnce(t *testing.T) {
	for _, kind := range []struct {
		name string
		opts []kgo.Opt
	}{{"classic", nil}, {"consumer", []kgo.Opt{kgo.ServerSideBalancer(), kgo.Balancers(kgo.StickyBalancer())}}} {
		t.Run(kind.name, func(t *testing.T) {
			topic := newTopic(t, 3)
			producer := newClient(t, kgo.DefaultProduceTopic(topic))
			const records = 300
			for i := range records {
				producer.Produce(within(t), kgo.KeyStringRecord(fmt.Sprint(i), fmt.Sprint(i)), nil)
			}
			if err := producer.Flush(within(t)); err != nil {
				t.Fatal(err)
			}
			group := name(t, "group")
			seen := map[string]int{}
			for range 3 { // one after the other, each where the last one ended
				member := newClient(t, append(kind.opts, kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic),
					kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit())...)
				for read := 0; read < records/3; {
					fetches := member.PollRecords(within(t), records/3-read)
					if err := fetches.Err(); err != nil {
						t.Fatal(err)
					}
					fetches.EachRecord(func(r *kgo.Record) { seen[string(r.Value)]++; read++ })
					if err := member.CommitRecords(within(t), fetches.Records()...); err != nil {
						t.Fatal(err)
					}
				}
				member.Close()
			}
			if len(seen) != records {
				t.Errorf("%d different records of %d", len(seen), records)
			}
		})
	}
}
