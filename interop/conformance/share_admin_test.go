package conformance

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// letters reads n dead letters. Each is shown as "key=value", and its headers in
// order, but for the message, which is each peer's own.
func letters(t *testing.T, topic string, n int) []string {
	t.Helper()
	c := newClient(t, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	var all []string
	for len(all) < n {
		fetches := c.PollFetches(within(t))
		if err := fetches.Err(); err != nil {
			t.Fatalf("after %d of %d letters: %v", len(all), n, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			show := fmt.Sprintf("%q=%q", r.Key, r.Value)
			for _, h := range r.Headers {
				if strings.HasSuffix(h.Key, ".message") {
					show += fmt.Sprintf(" %s: %v", h.Key, len(h.Value) > 0)
					continue
				}
				show += fmt.Sprintf(" %s: %s", h.Key, h.Value)
			}
			all = append(all, show)
		})
	}
	slices.Sort(all)
	return all
}

// KIP-1191.
func TestWhatIsGivenUpGetsADeadLetter(t *testing.T) {
	for _, copied := range []bool{true, false} {
		t.Run(fmt.Sprintf("copied %v", copied), func(t *testing.T) {
			dead := newTopicNamed(t, "dlq."+name(t, "letters"), 1, "errors.deadletterqueue.group.enable", "true")
			_, topic, group := newShared(t, "share.delivery.count.limit", "2",
				"errors.deadletterqueue.topic.name", dead, "errors.deadletterqueue.copy.record.enable", fmt.Sprint(copied))
			m := newSharer(t, group, topic)
			producer := newClient(t, kgo.DefaultProduceTopic(topic), kgo.ProducerLinger(100*time.Millisecond)) // one batch
			for i, value := range []string{"a", "b", "c"} {
				r := kgo.KeyStringRecord(fmt.Sprint("k", i+1), value)
				r.Headers = []kgo.RecordHeader{{Key: "own", Value: []byte(value)}}
				producer.Produce(within(t), r, nil)
			}
			if err := producer.Flush(within(t)); err != nil {
				t.Fatal(err)
			}
			m.want("what there is", "0-2x1")
			m.wantAck("each its own", "NONE", 0, 2, reject, accept, release)
			m.want("what was released", "2-2x2")
			m.wantAck("released for the last time", "NONE", 2, 2, release)
			original := map[bool][]string{true: {`"k1"="a"`, `"k3"="c"`}, false: {`""=""`, `""=""`}}[copied]
			var want []string
			for i, l := range []struct{ offset, deliveries int }{{0, 1}, {2, 2}} {
				want = append(want, fmt.Sprintf("%s __dlq.errors.topic: %s __dlq.errors.partition: 0 __dlq.errors.offset: %d __dlq.errors.group: %s __dlq.errors.delivery.count: %d __dlq.errors.message: true",
					original[i], topic, l.offset, group, l.deliveries))
			}
			own := slices.Clone(want)
			for i := range own {
				own[i] = strings.Replace(own[i], " ", " own: "+map[int]string{0: "a", 1: "c"}[i]+" ", 1)
			}
			switch got := letters(t, dead, 2); {
			case slices.Equal(got, want):
			case copied && slices.Equal(got, own):
				differs(t, "a copy has the record's own headers, too: they say what it is")
			default:
				t.Errorf("dead letters\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			m.want("what is left", "")
			wantLag(t, group, topic, 3, 0)
		})
	}
}

func TestAQueueGoesOnWithoutItsDeadLetterTopic(t *testing.T) {
	log, topic, group := newShared(t, "errors.deadletterqueue.topic.name", "dlq."+name(t, "nowhere"))
	m := newSharer(t, group, topic)
	log.mustProduce(topic, of("a", "b"))
	m.want("what there is", "0-1x1")
	m.wantAck("rejected", "NONE", 0, 0, reject)
	m.wantAck("accepted", "NONE", 1, 1, accept)
	wantLag(t, group, topic, 2, 0)
}

func TestAShareGroupIsDescribed(t *testing.T) {
	_, topic, group := newShared(t)
	m := newSharer(t, group, topic)
	req := kmsg.NewPtrShareGroupDescribeRequest()
	req.GroupIDs = []string{group}
	g := m.coordinator.do(req, 1).(*kmsg.ShareGroupDescribeResponse).Groups[0]
	if g.ErrorCode != 0 || g.GroupState != "Stable" || g.Assignor != "simple" || len(g.Members) != 1 || g.GroupEpoch != g.AssignmentEpoch {
		t.Fatalf("%+v", g)
	}
	one := g.Members[0]
	if one.MemberID != m.id || one.MemberEpoch != g.GroupEpoch || one.ClientID != "conformance" || !strings.Contains(one.ClientHost, "127.0.0.1") ||
		!slices.Equal(one.SubscribedTopicNames, []string{topic}) || len(one.Assignment.TopicPartitions) != 1 || one.Assignment.TopicPartitions[0].Topic != topic {
		t.Errorf("%+v", one)
	}
	m.leave()
	if g := m.coordinator.do(req, 1).(*kmsg.ShareGroupDescribeResponse).Groups[0]; g.ErrorCode != 0 || g.GroupState != "Empty" || len(g.Members) != 0 {
		t.Errorf("after the last has left: %+v", g)
	}
}

func TestAShareGroupIsListed(t *testing.T) {
	_, topic, group := newShared(t)
	m := newSharer(t, group, topic)
	for _, l := range []struct {
		types []string
		want  bool
	}{{nil, true}, {[]string{"share"}, true}, {[]string{"consumer", "classic"}, false}} {
		req := kmsg.NewPtrListGroupsRequest()
		req.TypesFilter = l.types
		listed := false
		for _, g := range m.coordinator.do(req, 5).(*kmsg.ListGroupsResponse).Groups {
			if g.Group == group {
				listed = true
				if g.ProtocolType != "share" || g.GroupType != "share" || g.GroupState != "Stable" {
					t.Errorf("%+v", g)
				}
			}
		}
		if listed != l.want {
			t.Errorf("types %v: listed %v", l.types, listed)
		}
	}
}

func alterOffset(m *sharer, topic string, partition int32, offset int64) int16 {
	m.t.Helper()
	req := kmsg.NewPtrAlterShareGroupOffsetsRequest()
	rt, rp := kmsg.NewAlterShareGroupOffsetsRequestTopic(), kmsg.NewAlterShareGroupOffsetsRequestTopicPartition()
	rt.Topic, rp.Partition, rp.StartOffset = topic, partition, offset
	rt.Partitions = append(rt.Partitions, rp)
	req.GroupID, req.Topics = m.group, append(req.Topics, rt)
	resp := m.coordinator.do(req, 0).(*kmsg.AlterShareGroupOffsetsResponse)
	if resp.ErrorCode != 0 || len(resp.Topics) == 0 {
		return resp.ErrorCode
	}
	return resp.Topics[0].Partitions[0].ErrorCode
}

func deleteOffsets(m *sharer, topic string) int16 {
	m.t.Helper()
	req := kmsg.NewPtrDeleteShareGroupOffsetsRequest()
	rt := kmsg.NewDeleteShareGroupOffsetsRequestTopic()
	rt.Topic = topic
	req.GroupID, req.Topics = m.group, append(req.Topics, rt)
	resp := m.coordinator.do(req, 0).(*kmsg.DeleteShareGroupOffsetsResponse)
	if resp.ErrorCode != 0 || len(resp.Topics) == 0 {
		return resp.ErrorCode
	}
	return resp.Topics[0].ErrorCode
}

func TestAnEmptyGroupsOffsetsCanBeSet(t *testing.T) {
	log, topic, group := newShared(t)
	m := newSharer(t, group, topic)
	log.mustProduce(topic, of("a"))
	log.mustProduce(topic, of("b"))
	log.mustProduce(topic, of("c"))
	m.want("what there is", "0-2x1")
	m.wantAck("all", "NONE", 0, 2, accept)
	wantCode(t, "with a member", alterOffset(m, topic, 0, 1), kerr.NonEmptyGroup)
	wantCode(t, "deleting with a member", deleteOffsets(m, topic), kerr.NonEmptyGroup)
	m.leave()
	wantCode(t, "a partition that is not there", alterOffset(m, topic, 7, 1), kerr.UnknownTopicOrPartition)
	wantCode(t, "a topic that is not there", alterOffset(m, name(t, "nowhere"), 0, 1), kerr.UnknownTopicOrPartition)
	wantCode(t, "without members", alterOffset(m, topic, 0, 1), nil)
	wantLag(t, group, topic, 1, 2)
	again := newSharer(t, group, topic)
	again.wantSoon("from there on", "1-2x1")
	again.wantAck("one of them", "NONE", 1, 1, accept)
	again.leave()
	wantCode(t, "deleting the offsets of a topic that is not there", deleteOffsets(again, name(t, "nowhere")), kerr.UnknownTopicOrPartition)
	wantCode(t, "deleting the offsets", deleteOffsets(again, topic), nil)
	wantLag(t, group, topic, -1, -1)
	newSharer(t, group, topic).wantSoon("from the beginning", "0-2x1")
}

func TestAShareGroupIsDeleted(t *testing.T) {
	log, topic, group := newShared(t)
	m := newSharer(t, group, topic)
	log.mustProduce(topic, of("a"))
	m.want("what there is", "0-0x1")
	m.wantAck("all", "NONE", 0, 0, accept)
	req := kmsg.NewPtrDeleteGroupsRequest()
	req.Groups = []string{group}
	wantCode(t, "with a member", m.coordinator.do(req, 2).(*kmsg.DeleteGroupsResponse).Groups[0].ErrorCode, kerr.NonEmptyGroup)
	m.leave()
	wantCode(t, "without", m.coordinator.do(req, 2).(*kmsg.DeleteGroupsResponse).Groups[0].ErrorCode, nil)
	wantCode(t, "again", m.coordinator.do(req, 2).(*kmsg.DeleteGroupsResponse).Groups[0].ErrorCode, kerr.GroupIDNotFound)
	newSharer(t, group, topic).wantSoon("a new group of that name", "0-0x1")
}

func TestWhereAShareGroupBegins(t *testing.T) {
	log, topic := newLog(t)
	now := time.Now().UnixMilli()
	log.mustProduce(topic, of("a").at(now-2*60*60*1000))
	log.mustProduce(topic, of("b").at(now))
	for reset, want := range map[string]string{"earliest": "0-1x1", "by_duration:PT1H": "1-1x1", "by_duration:PT3H": "0-1x1", "latest": ""} {
		group := name(t, "group."+strings.ToLower(reset[:4]+reset[len(reset)-2:]))
		configureGroup(t, group, "share.auto.offset.reset", reset)
		m := newSharer(t, group, topic)
		m.want(reset, want)
	}
	group := name(t, "later")
	m := newSharer(t, group, topic)
	m.want("nothing is configured", "")
	log.mustProduce(topic, of("c"))
	m.want("what came later", "2-2x1")
}

// A client's own share groups, from the first record to the last.
func TestAClientsShareGroupReadsEverythingOnce(t *testing.T) {
	topic, group := newTopic(t, 3), name(t, "group")
	configureGroup(t, group, "share.auto.offset.reset", "earliest")
	producer := newClient(t, kgo.DefaultProduceTopic(topic))
	const records = 300
	for i := range records {
		producer.Produce(within(t), kgo.KeyStringRecord(fmt.Sprint(i), fmt.Sprint(i)), nil)
	}
	if err := producer.Flush(within(t)); err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for read := 0; read < records; {
		member := newClient(t, kgo.ShareGroup(group), kgo.ConsumeTopics(topic))
		for most := min(records, read+records/3); read < most; {
			fetches := member.PollRecords(within(t), most-read)
			if err := fetches.Err(); err != nil {
				t.Fatal(err)
			}
			fetches.EachRecord(func(r *kgo.Record) {
				seen[string(r.Value)]++
				read++
				r.Ack(kgo.AckAccept)
			})
		}
		if err := member.FlushAcks(within(t)); err != nil {
			t.Error(err)
		}
		member.Close()
	}
	if len(seen) != records {
		t.Errorf("%d different records of %d", len(seen), records)
	}
}
