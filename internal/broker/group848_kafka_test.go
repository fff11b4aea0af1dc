package broker

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// kafka has the recorded answers replaced by those of an Apache Kafka, such as
//
//	interop/kafka.sh start --set group.consumer.assignment.interval.ms=0 --set group.consumer.assignor.offload.enable=false
//
// which without these settings computes assignments a little later.
var kafka = flag.String("kafka", "", "record the answers of the Kafka at this host:port")

// recorded is where the answers of Apache Kafka 4.4.0 are.
const recorded = "testdata/consumer-groups.txt"

// The same requests, right and wrong ones, are answered as Kafka answers them.
func TestConsumerGroupAnswersAreKafkas(t *testing.T) {
	if *kafka != "" {
		c, err := kgo.NewClient(kgo.SeedBrokers(*kafka))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := os.WriteFile(recorded, []byte(conversations(t, c, 3*time.Second)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(recorded)
	if err != nil {
		t.Fatal(err)
	}
	if got := conversations(t, start(t).client(), 0); got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// conversations holds all conversations. Kafka's coordinator sees new topics
// after a while.
func conversations(t *testing.T, c *kgo.Client, while time.Duration) string {
	var b strings.Builder
	for _, story := range []struct {
		group string
		tell  func(*talk)
	}{{"life", (*talk).life}, {"migration", (*talk).migration}, {"strangers", (*talk).strangers}} {
		topic := fmt.Sprintf("%s-%d", story.group, time.Now().UnixNano())
		created, err := kadm.NewClient(c).CreateTopic(t.Context(), 4, 1, nil, topic)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(while)
		k := &talk{t: t, c: c, group: topic, topic: topic, id: created.ID}
		story.tell(k)
		fmt.Fprintf(&b, "# %s\n%s\n", story.group, strings.Join(k.answers, "\n"))
	}
	return b.String()
}

// talk is a number of requests about a group and a topic with four partitions,
// and what each was answered.
type talk struct {
	t       *testing.T
	c       *kgo.Client
	group   string
	topic   string
	id      [16]byte
	answers []string
}

func (k *talk) note(what string, format string, args ...any) {
	k.answers = append(k.answers, what+": "+fmt.Sprintf(format, args...))
}

// ask sends a request, again while the coordinator is not ready.
func (k *talk) ask(req kmsg.Request) kmsg.Response {
	k.t.Helper()
	resp, err := k.c.Request(k.t.Context(), req)
	for range 20 {
		if err == nil {
			return resp
		}
		time.Sleep(500 * time.Millisecond)
		resp, err = k.c.Request(k.t.Context(), req)
	}
	k.t.Fatal(err)
	return nil
}

// said is Kafka's name of an error, "ok" for none.
func said(code int16) string {
	if code == 0 {
		return "ok"
	}
	return kerr.TypedErrorForCode(code).Message
}

// hb sends a heartbeat; change may add to it.
func (k *talk) hb(member string, epoch int32, change ...func(*kmsg.ConsumerGroupHeartbeatRequest)) {
	k.t.Helper()
	req := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	req.Group, req.MemberID, req.MemberEpoch = k.group, member, epoch
	if epoch == 0 {
		req.RebalanceTimeoutMillis, req.SubscribedTopicNames, req.Topics = 60_000, []string{k.topic}, []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	}
	for _, f := range change {
		f(req)
	}
	resp := k.ask(req).(*kmsg.ConsumerGroupHeartbeatResponse)
	if resp.ErrorCode != 0 {
		k.note(fmt.Sprintf("%s at %d", member, epoch), "%s", said(resp.ErrorCode))
		return
	}
	text := fmt.Sprintf("epoch %d", resp.MemberEpoch)
	if resp.Assignment != nil {
		n := 0
		for _, t := range resp.Assignment.Topics {
			n += len(t.Partitions)
		}
		text += fmt.Sprintf(", %d partitions", n)
	}
	k.note(fmt.Sprintf("%s at %d", member, epoch), "%s", text)
}

// owns says which partitions of the topic the member has.
func (k *talk) owns(partitions ...int32) func(*kmsg.ConsumerGroupHeartbeatRequest) {
	return func(req *kmsg.ConsumerGroupHeartbeatRequest) {
		req.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{}
		if len(partitions) > 0 {
			req.Topics = append(req.Topics, kmsg.ConsumerGroupHeartbeatRequestTopic{TopicID: k.id, Partitions: partitions})
		}
	}
}

func instance(id string) func(*kmsg.ConsumerGroupHeartbeatRequest) {
	return func(req *kmsg.ConsumerGroupHeartbeatRequest) { req.InstanceID = &id }
}

func (k *talk) commit(member string, epoch int32, partition int32) {
	k.t.Helper()
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Group, req.MemberID, req.Generation = k.group, member, epoch
	rp := kmsg.NewOffsetCommitRequestTopicPartition()
	rp.Partition, rp.Offset = partition, 1
	req.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: k.topic, TopicID: k.id, Partitions: []kmsg.OffsetCommitRequestTopicPartition{rp}}}
	resp := k.ask(req).(*kmsg.OffsetCommitResponse)
	k.note(fmt.Sprintf("commit of %s at %d", member, epoch), "%s", said(resp.Topics[0].Partitions[0].ErrorCode))
}

func (k *talk) fetch(member string, epoch int32) {
	k.t.Helper()
	req := kmsg.NewPtrOffsetFetchRequest()
	rg := kmsg.NewOffsetFetchRequestGroup()
	rg.Group, rg.MemberID, rg.MemberEpoch = k.group, &member, epoch
	rg.Topics = []kmsg.OffsetFetchRequestGroupTopic{{Topic: k.topic, TopicID: k.id, Partitions: []int32{0}}}
	req.Groups = []kmsg.OffsetFetchRequestGroup{rg}
	resp := k.ask(req).(*kmsg.OffsetFetchResponse)
	k.note(fmt.Sprintf("fetch of %s at %d", member, epoch), "%s", said(resp.Groups[0].ErrorCode))
}

func (k *talk) describe() {
	k.t.Helper()
	req := kmsg.NewPtrConsumerGroupDescribeRequest()
	req.Groups = []string{k.group}
	d := k.ask(req).(*kmsg.ConsumerGroupDescribeResponse).Groups[0]
	if d.ErrorCode != 0 {
		k.note("describe", "%s", said(d.ErrorCode))
	} else {
		k.note("describe", "%s, %d members, epoch %d, assignment epoch %d, %s", d.State, len(d.Members), d.Epoch, d.AssignmentEpoch, d.AssignorName)
	}
	classic := kmsg.NewPtrDescribeGroupsRequest()
	classic.Groups = []string{k.group}
	g := k.ask(classic).(*kmsg.DescribeGroupsResponse).Groups[0]
	k.note("describe as a classic group", "%s, %s, %d members", said(g.ErrorCode), g.State, len(g.Members))
}

// join sends a JoinGroup of a classic member, which says that it owns some partitions.
func (k *talk) join(name, member string, owned []int32, change ...func(*kmsg.JoinGroupRequest)) *kmsg.JoinGroupResponse {
	k.t.Helper()
	req := kmsg.NewPtrJoinGroupRequest()
	req.Group, req.MemberID, req.ProtocolType = k.group, member, "consumer"
	req.SessionTimeoutMillis, req.RebalanceTimeoutMillis = 45_000, 60_000
	sub := kmsg.NewConsumerMemberMetadata()
	sub.Version, sub.Topics = 1, []string{k.topic}
	if len(owned) > 0 {
		sub.OwnedPartitions = []kmsg.ConsumerMemberMetadataOwnedPartition{{Topic: k.topic, Partitions: owned}}
	}
	req.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "cooperative-sticky", Metadata: sub.AppendTo(nil)}}
	for _, f := range change {
		f(req)
	}
	resp := k.ask(req).(*kmsg.JoinGroupResponse)
	k.note("join of "+name, "%s, generation %d, leads %v", said(resp.ErrorCode), resp.Generation, resp.LeaderID != "" && resp.LeaderID == resp.MemberID)
	return resp
}

// sync sends a SyncGroup, of a leader with an assignment of these partitions to itself.
func (k *talk) sync(name, member string, generation int32, assign ...int32) {
	k.t.Helper()
	req := kmsg.NewPtrSyncGroupRequest()
	req.ProtocolType, req.Protocol = kmsg.StringPtr("consumer"), kmsg.StringPtr("cooperative-sticky")
	req.Group, req.MemberID, req.Generation = k.group, member, generation
	if len(assign) > 0 {
		a := kmsg.NewConsumerMemberAssignment()
		a.Version = 1
		a.Topics = []kmsg.ConsumerMemberAssignmentTopic{{Topic: k.topic, Partitions: assign}}
		req.GroupAssignment = []kmsg.SyncGroupRequestGroupAssignment{{MemberID: member, MemberAssignment: a.AppendTo(nil)}}
	}
	resp := k.ask(req).(*kmsg.SyncGroupResponse)
	a := kmsg.NewConsumerMemberAssignment()
	n := 0
	if err := a.ReadFrom(resp.MemberAssignment); err == nil {
		for _, t := range a.Topics {
			n += len(t.Partitions)
		}
	}
	k.note(fmt.Sprintf("sync of %s at %d", name, generation), "%s, version %d, %d partitions", said(resp.ErrorCode), a.Version, n)
}

func (k *talk) heartbeat(name, member string, generation int32) {
	k.t.Helper()
	req := kmsg.NewPtrHeartbeatRequest()
	req.Group, req.MemberID, req.Generation = k.group, member, generation
	resp := k.ask(req).(*kmsg.HeartbeatResponse)
	k.note(fmt.Sprintf("heartbeat of %s at %d", name, generation), "%s", said(resp.ErrorCode))
}

func (k *talk) leave(name, member string) {
	k.t.Helper()
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Group, req.Members = k.group, []kmsg.LeaveGroupRequestMember{{MemberID: member}}
	resp := k.ask(req).(*kmsg.LeaveGroupResponse)
	k.note("leave of "+name, "%s", said(resp.Members[0].ErrorCode))
}

func (k *talk) listed() {
	k.t.Helper()
	for _, kind := range []string{"classic", "consumer"} {
		req := kmsg.NewPtrListGroupsRequest()
		req.TypesFilter = []string{kind}
		for _, g := range k.ask(req).(*kmsg.ListGroupsResponse).Groups {
			if g.Group == k.group {
				k.note("list of "+kind+" groups", "%s, %s, %s", g.GroupType, g.ProtocolType, g.GroupState)
			}
		}
	}
}

func (k *talk) delete() {
	k.t.Helper()
	req := kmsg.NewPtrDeleteGroupsRequest()
	req.Groups = []string{k.group}
	k.note("delete", "%s", said(k.ask(req).(*kmsg.DeleteGroupsResponse).Groups[0].ErrorCode))
}

// life is two members' lives, with mistakes.
func (k *talk) life() {
	k.hb("a", 1)
	k.hb("a", -1)
	k.hb("", 0)
	k.hb("a", -3)
	k.hb("a", 0, func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.Topics = nil })
	k.hb("a", 0, k.owns(0))
	k.hb("a", 0, func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.RebalanceTimeoutMillis = -1 })
	k.hb("a", 0, func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.SubscribedTopicNames = nil })
	k.hb("a", 0, func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.ServerAssignor = kmsg.StringPtr("sticky") })
	k.hb("a", 0, func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.SubscribedTopicRegex = kmsg.StringPtr("(") })
	k.hb("a", 0)
	k.hb("a", 2)
	k.hb("a", 1)
	k.describe()
	k.listed()
	k.commit("a", 2, 0)
	k.commit("a", 3, 0)
	k.commit("nobody", 2, 0)
	k.commit("", -1, 0)
	k.fetch("a", 2)
	k.fetch("a", 1)
	k.fetch("nobody", 2)
	k.hb("b", 0)
	k.hb("b", 3)
	k.hb("a", 2)
	k.commit("a", 2, 3)
	k.hb("a", 2, k.owns(0, 1, 2, 3))
	k.hb("a", 2, k.owns(0, 1))
	k.hb("a", 2, k.owns(0, 1))
	k.hb("a", 2, k.owns(0, 1, 2))
	k.hb("a", 2)
	k.commit("a", 2, 0)
	k.commit("a", 2, 3)
	k.hb("b", 3)
	k.describe()
	k.hb("a", 7)
	k.hb("b", 1)
	k.hb("b", 0)
	k.hb("c", 0, instance("i"))
	k.hb("d", 0, instance("i"))
	k.hb("d", 4, instance("i"))
	k.hb("c", -2, instance("i"))
	k.hb("d", 0, instance("i"))
	k.hb("c", 4)
	k.hb("nobody", -1)
	k.hb("a", -1)
	k.hb("a", -1)
	k.delete()
	k.hb("b", -1)
	k.describe()
	k.hb("d", -1, instance("i"))
	k.describe()
	k.commit("", -1, 0)
	k.delete()
	k.delete()
	k.describe()
}

// migration is a classic group that becomes a consumer group and a classic one again.
func (k *talk) migration() {
	old := k.join("old", "", nil).MemberID
	g := k.join("old", old, nil).Generation
	k.sync("old", old, g, 0, 1, 2, 3)
	k.heartbeat("old", old, g)
	k.hb("new", 1)
	k.describe()
	k.hb("new", 0)
	k.describe()
	k.listed()
	k.commit("old", g, 0)
	k.heartbeat("old", old, g)
	k.sync("old", old, g)
	k.join("stranger", "", nil, func(r *kmsg.JoinGroupRequest) { r.Protocols[0].Name = "mine" })
	k.join("stranger", "", nil, func(r *kmsg.JoinGroupRequest) { r.ProtocolType = "connect" })
	g = k.join("old", old, []int32{0, 1, 2, 3}).Generation
	k.heartbeat("old", old, g)
	k.sync("old", old, g)
	k.heartbeat("old", old, g)
	g = k.join("old", old, []int32{0, 1}).Generation
	k.sync("old", old, g)
	k.heartbeat("old", old, g)
	k.heartbeat("old", old, g-1)
	k.hb("new", g)
	k.describe()
	second := k.join("second", "", nil).MemberID
	h := k.join("second", second, nil).Generation
	k.sync("second", second, h)
	k.heartbeat("old", old, g)
	k.leave("second", second)
	k.leave("second", second)
	k.heartbeat("second", second, h)
	k.hb("new", -1)
	k.listed()
	k.describe()
	g = k.join("old", old, []int32{0, 1}).Generation
	k.sync("old", old, g, 0, 1, 2, 3)
	k.heartbeat("old", old, g)
	k.leave("old", old)
	k.hb("new", 0)
	k.listed()
}

// strangers are members with other subscriptions, and expressions.
func (k *talk) strangers() {
	expression := func(expr string) func(*kmsg.ConsumerGroupHeartbeatRequest) {
		return func(r *kmsg.ConsumerGroupHeartbeatRequest) {
			r.SubscribedTopicNames, r.SubscribedTopicRegex = nil, &expr
		}
	}
	k.hb("a", 0, func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.SubscribedTopicNames = []string{} })
	k.describe()
	k.hb("b", 0, func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.SubscribedTopicNames = []string{"no-such-topic"} })
	k.hb("b", 2)
	k.hb("c", 0, func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.ServerAssignor = kmsg.StringPtr("range") })
	k.describe()
	k.hb("c", 3, func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.SubscribedTopicNames = []string{} })
	k.hb("c", 3, k.owns())
	k.hb("c", 4, expression("("))
	k.hb("a", -2)
	k.hb("a", -2, instance("i"))
}
