package group

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/statetopic/statetopictest"
)

// hello is a first heartbeat.
func hello(group, member string, topics ...string) *kmsg.ConsumerGroupHeartbeatRequest {
	req := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	req.Version, req.Group, req.MemberID = 1, group, member
	req.RebalanceTimeoutMillis, req.SubscribedTopicNames = 60_000, topics
	req.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	return req
}

// again is a heartbeat that says nothing new.
func again(group, member string, epoch int32) *kmsg.ConsumerGroupHeartbeatRequest {
	req := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	req.Version, req.Group, req.MemberID, req.MemberEpoch = 1, group, member, epoch
	return req
}

// beat sends a heartbeat that must succeed and returns the epoch.
func (h *harness) beat(req *kmsg.ConsumerGroupHeartbeatRequest) int32 {
	h.t.Helper()
	resp := call(h.ConsumerGroupHeartbeat, req)
	h.wantCode("ConsumerGroupHeartbeat", resp.ErrorCode, nil)
	return resp.MemberEpoch
}

func (h *harness) wantBeat(req *kmsg.ConsumerGroupHeartbeatRequest, want *kerr.Error) {
	h.t.Helper()
	h.wantCode("ConsumerGroupHeartbeat", call(h.ConsumerGroupHeartbeat, req).ErrorCode, want)
}

// Members of a consumer group go on after a restart as if nothing had been.
func TestConsumerMembersSurviveARestart(t *testing.T) {
	inBubble(t, statetopictest.New(4), func(h *harness) {
		epoch := h.beat(hello("g", "a", "orders"))
		h.restart()
		h.wantGroups("g Stable")
		if got := h.beat(again("g", "a", epoch)); got != epoch {
			t.Errorf("epoch %d, want %d", got, epoch)
		}
		pass(44 * time.Second)
		h.beat(again("g", "a", epoch))
		pass(45 * time.Second)
		h.wantBeat(again("g", "a", epoch), kerr.UnknownMemberID)
		h.wantGroups("g Empty")
		h.restart()
		h.wantGroups("g Empty")
	})
}

func TestConsumerHeartbeatIsAnsweredOnceDurable(t *testing.T) {
	store := statetopictest.New(4)
	inBubble(t, store, func(h *harness) {
		store.Change(func(f *statetopictest.Faults) { f.Delay = time.Second })
		first := begin(h.ConsumerGroupHeartbeat, hello("g", "a", "orders"))
		pass(500 * time.Millisecond)
		// Nothing to write, but the answer says what is not durable yet.
		second := begin(h.ConsumerGroupHeartbeat, again("g", "a", 2))
		pass(499 * time.Millisecond)
		if answered(first) || answered(second) {
			t.Fatal("answered before it is durable")
		}
		pass(time.Millisecond)
		h.wantCode("first", (<-first).ErrorCode, nil)
		h.wantCode("second", (<-second).ErrorCode, nil)
	})
}

// What could not be written is written with the group's next heartbeat.
func TestConsumerGroupWithAFailingDisk(t *testing.T) {
	store := statetopictest.New(4)
	inBubble(t, store, func(h *harness) {
		h.beat(hello("g", "a", "orders"))
		store.Change(func(f *statetopictest.Faults) { f.Append = errDisk })
		h.wantBeat(hello("g", "b", "orders"), kerr.CoordinatorNotAvailable)
		h.wantBeat(again("g", "a", 2), kerr.CoordinatorNotAvailable)
		store.Change(func(f *statetopictest.Faults) { f.Append = nil })
		h.beat(again("g", "a", 2))
		h.restart()
		if n := len(h.describeGroup("g").Members); n != 2 {
			t.Errorf("%d members after a restart, want 2", n)
		}
		h.beat(again("g", "b", 3))
	})
}

func (h *harness) describeGroup(id string) kmsg.ConsumerGroupDescribeResponseGroup {
	h.t.Helper()
	req := kmsg.NewPtrConsumerGroupDescribeRequest()
	req.Version, req.Groups = 1, []string{id}
	d := call(h.ConsumerGroupDescribe, req).Groups[0]
	h.wantCode("ConsumerGroupDescribe", d.ErrorCode, nil)
	return d
}

func TestConsumerGroupDescribe(t *testing.T) {
	inBubble(t, statetopictest.New(4), func(h *harness) {
		h.beat(hello("g", "a", "orders"))
		h.stable("classic", "orders")
		d := h.describeGroup("g")
		if d.State != "Stable" || d.Epoch != 2 || d.AssignmentEpoch != 2 || d.AssignorName != "uniform" || len(d.Members) != 1 {
			t.Fatalf("%+v", d)
		}
		m := d.Members[0]
		if m.MemberID != "a" || m.MemberEpoch != 2 || m.ClientID != "client" || m.ClientHost != "/127.0.0.1" || m.MemberType != 1 ||
			len(m.Assignment.TopicPartitions) != 1 || m.Assignment.TopicPartitions[0].Topic != "orders" || len(m.Assignment.TopicPartitions[0].Partitions) != 10 {
			t.Errorf("%+v", m)
		}
		if m.SubscribedTopicRegex == nil || *m.SubscribedTopicRegex != "" {
			t.Errorf("no regular expression is described as %v, want an empty one", m.SubscribedTopicRegex)
		}
		req := kmsg.NewPtrConsumerGroupDescribeRequest()
		req.Groups = []string{"none", "classic", ""}
		groups := call(h.ConsumerGroupDescribe, req).Groups
		h.wantCode("none", groups[0].ErrorCode, kerr.GroupIDNotFound)
		h.wantCode("classic", groups[1].ErrorCode, kerr.GroupIDNotFound)
		h.wantCode("empty id", groups[2].ErrorCode, kerr.InvalidGroupID)
	})
}

// The other requests about groups know both types.
func TestRequestsAboutConsumerGroups(t *testing.T) {
	inBubble(t, statetopictest.New(4), func(h *harness) {
		epoch := h.beat(hello("g", "a", "orders"))
		h.stable("classic", "orders")
		list := kmsg.NewPtrListGroupsRequest()
		list.Version, list.TypesFilter = 5, []string{"Consumer"}
		if groups := call(h.ListGroups, list).Groups; len(groups) != 1 || groups[0].Group != "g" || groups[0].GroupType != "consumer" || groups[0].ProtocolType != "consumer" {
			t.Errorf("ListGroups: %+v", groups)
		}
		describe := kmsg.NewPtrDescribeGroupsRequest()
		describe.Version, describe.Groups = 6, []string{"g"}
		d := call(h.DescribeGroups, describe).Groups[0]
		h.wantCode("DescribeGroups", d.ErrorCode, kerr.GroupIDNotFound)
		if d.State != "Dead" || *d.ErrorMessage != "Group g is not a classic group." {
			t.Errorf("DescribeGroups: %+v", d)
		}
		h.wantCode("DeleteGroups", call(h.DeleteGroups, deleteRequest("g")).Groups[0].ErrorCode, kerr.NonEmptyGroup)

		commit := commitRequest("g", "orders", 0, 7)
		h.wantCode("as nobody", commitCode(call(h.OffsetCommit, commit)), kerr.UnknownMemberID)
		commit.MemberID, commit.Generation = "a", epoch+1
		h.wantCode("epoch to come", commitCode(call(h.OffsetCommit, commit)), kerr.StaleMemberEpoch)
		commit.Generation = epoch
		h.wantCode("OffsetCommit", commitCode(call(h.OffsetCommit, commit)), nil)
		commit.Version = 8
		h.wantCode("old version", commitCode(call(h.OffsetCommit, commit)), kerr.UnsupportedVersion)
		fetch := fetchRequest("g", "orders", 0)
		h.wantOffset("g", "orders", 0, 7)
		fetch.Groups[0].MemberID, fetch.Groups[0].MemberEpoch = kmsg.StringPtr("a"), epoch+1
		h.wantCode("OffsetFetch", call(h.OffsetFetch, fetch).Groups[0].ErrorCode, kerr.StaleMemberEpoch)

		del := kmsg.NewPtrOffsetDeleteRequest()
		del.Group = "g"
		del.Topics = []kmsg.OffsetDeleteRequestTopic{{Topic: "orders", Partitions: []kmsg.OffsetDeleteRequestTopicPartition{{}}}}
		h.wantCode("OffsetDelete", call(h.OffsetDelete, del).Topics[0].Partitions[0].ErrorCode, kerr.GroupSubscribedToTopic)

		h.wantBeat(again("none", "a", 1), kerr.GroupIDNotFound)
		h.wantBeat(again("classic", "a", 1), kerr.GroupIDNotFound)
	})
}

// An empty consumer group keeps its offsets for as long as others do, can be
// deleted, and leaves nothing in the log.
func TestEmptyConsumerGroups(t *testing.T) {
	inBubble(t, statetopictest.New(4), func(h *harness) {
		for _, g := range []string{"deleted", "expired"} {
			epoch := h.beat(hello(g, "a", "orders"))
			commit := commitRequest(g, "orders", 0, 7)
			commit.MemberID, commit.Generation = "a", epoch
			h.wantCode("OffsetCommit", commitCode(call(h.OffsetCommit, commit)), nil)
			h.beat(again(g, "a", -1))
		}
		h.wantGroups("deleted Empty", "expired Empty")
		h.wantCode("DeleteGroups", call(h.DeleteGroups, deleteRequest("deleted")).Groups[0].ErrorCode, nil)
		h.restart()
		h.wantGroups("expired Empty")
		h.wantOffset("expired", "orders", 0, 7)
		pass(7*24*time.Hour + 20*time.Minute)
		h.wantGroups()
		h.restart()
		h.wantGroups()
	})
}

// Groups grow with topics, and let go of topics that are gone.
func TestConsumerGroupsFollowTopics(t *testing.T) {
	inBubble(t, statetopictest.New(4), func(h *harness) {
		h.beat(hello("g", "a", "orders", "parcels"))
		h.topics.add("parcels", 1, 3)
		resp := call(h.ConsumerGroupHeartbeat, again("g", "a", 2))
		if resp.MemberEpoch != 3 || len(resp.Assignment.Topics) != 2 {
			t.Fatalf("%+v", resp)
		}
		h.TopicDeleted("parcels", h.topics.remove("parcels"))
		resp = call(h.ConsumerGroupHeartbeat, again("g", "a", 3))
		if resp.MemberEpoch != 3 || len(resp.Assignment.Topics) != 1 {
			t.Fatalf("%+v", resp)
		}
	})
}

// A classic group becomes a consumer group under its members' feet, and a
// classic one again; the log agrees at each step.
func TestMigrationThereAndBack(t *testing.T) {
	inBubble(t, statetopictest.New(4), func(h *harness) {
		member, generation := h.stableWith("g", "orders")
		h.commit("other", "orders", 0, 1)
		req := hello("g", "new", "orders")
		h.beat(req)
		h.restart()
		if d := h.describeGroup("g"); len(d.Members) != 2 {
			t.Fatalf("%+v", d)
		}
		h.wantCode("Heartbeat", h.heartbeat("g", member, generation), kerr.RebalanceInProgress)
		unreadable := joinRequest("g", "", "orders")
		unreadable.Protocols[0].Metadata = nil
		h.wantCode("JoinGroup", call(h.Join, unreadable).ErrorCode, kerr.MemberIDRequired) // the id comes first
		join := joinRequest("g", member, "orders")
		r := call(h.Join, join)
		h.wantCode("JoinGroup", r.ErrorCode, nil)
		sync := kmsg.NewPtrSyncGroupRequest()
		sync.Version, sync.Group, sync.MemberID, sync.Generation = 4, "g", member, r.Generation
		s := call(h.SyncGroup, sync)
		h.wantCode("SyncGroup", s.ErrorCode, nil)
		a := kmsg.NewConsumerMemberAssignment()
		if err := a.ReadFrom(s.MemberAssignment); err != nil || len(a.Topics) != 1 || len(a.Topics[0].Partitions) != 5 {
			t.Fatalf("assignment %+v, %v", a, err)
		}
		h.wantCode("Heartbeat", h.heartbeat("g", member, r.Generation), nil)
		h.beat(again("g", "new", -1))
		h.restart()
		h.wantCode("Heartbeat", h.heartbeat("g", member, r.Generation), nil) // a restart forgets rebalances
		r = call(h.Join, join)
		h.wantCode("JoinGroup", r.ErrorCode, nil)
		list := kmsg.NewPtrListGroupsRequest()
		list.Version, list.TypesFilter = 5, []string{"classic"}
		if groups := call(h.ListGroups, list).Groups; len(groups) != 2 {
			t.Errorf("classic groups: %+v", groups)
		}
		h.leave("g", member)
		h.wantGroups("g Empty", "other Empty")
	})
}

// stableWith makes a classic group whose one member has all partitions of a topic.
func (h *harness) stableWith(group, topic string) (member string, generation int32) {
	h.t.Helper()
	r := call(h.Join, joinRequest(group, "", topic))
	r = call(h.Join, joinRequest(group, r.MemberID, topic))
	h.wantCode("JoinGroup", r.ErrorCode, nil)
	a := kmsg.NewConsumerMemberAssignment()
	a.Topics = []kmsg.ConsumerMemberAssignmentTopic{{Topic: topic, Partitions: []int32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}}}
	req := kmsg.NewPtrSyncGroupRequest()
	req.Version, req.Group, req.MemberID, req.Generation = 4, group, r.MemberID, r.Generation
	req.GroupAssignment = []kmsg.SyncGroupRequestGroupAssignment{{MemberID: r.MemberID, MemberAssignment: a.AppendTo(nil)}}
	h.wantCode("SyncGroup", call(h.SyncGroup, req).ErrorCode, nil)
	return r.MemberID, r.Generation
}

// Who waits in a classic group that is about to be another is told to join
// again; and a refused newcomer changes nothing.
func TestUpgradeDuringARebalance(t *testing.T) {
	inBubble(t, statetopictest.New(4), func(h *harness) {
		member, _ := h.stableWith("g", "orders")
		id := call(h.Join, joinRequest("g", "", "orders")).MemberID
		waiting := begin(h.Join, joinRequest("g", id, "orders"))
		bad := hello("g", "new", "orders")
		bad.SubscribedTopicRegex = kmsg.StringPtr("(")
		h.wantBeat(bad, kerr.InvalidRegularExpression)
		if answered(waiting) {
			t.Fatal("a refused heartbeat ends the rebalance")
		}
		h.wantGroups("g PreparingRebalance")
		h.beat(hello("g", "new", "orders"))
		h.wantCode("JoinGroup", (<-waiting).ErrorCode, kerr.RebalanceInProgress)
		d := h.describeGroup("g")
		if len(d.Members) != 3 || !slices.ContainsFunc(d.Members, func(m kmsg.ConsumerGroupDescribeResponseGroupMember) bool {
			return m.MemberID == member && m.MemberType == 0
		}) {
			t.Errorf("%+v", d.Members)
		}
	})
}

func TestGroupsThatCannotBeUpgraded(t *testing.T) {
	inBubble(t, statetopictest.New(4), func(h *harness) {
		connect := joinRequest("connect", "", "x")
		connect.ProtocolType = "connect"
		connect.MemberID = call(h.Join, connect).MemberID
		call(h.Join, connect)
		h.wantBeat(hello("connect", "a", "orders"), kerr.GroupIDNotFound)
		h.stable("malformed", "orders") // its assignment is not one
		h.wantBeat(hello("malformed", "a", "orders"), kerr.GroupIDNotFound)
		h.wantGroups("connect CompletingRebalance", "malformed Stable")
	})
}

// An empty group takes the type of who comes next.
func TestEmptyGroupsChangeTheirType(t *testing.T) {
	inBubble(t, statetopictest.New(4), func(h *harness) {
		h.commit("g", "orders", 0, 7)
		h.beat(hello("g", "a", "orders"))
		h.beat(again("g", "a", -1))
		member, _ := h.stable("g", "orders")
		h.restart()
		h.wantGroups("g Stable")
		h.leave("g", member)
		h.beat(hello("g", "b", "orders"))
		h.restart()
		if d := h.describeGroup("g"); len(d.Members) != 1 || d.Members[0].MemberID != "b" {
			t.Errorf("%+v", d)
		}
		h.wantOffset("g", "orders", 0, 7)
	})
}

func TestConsumerHeartbeatVersions(t *testing.T) {
	for v := range int16(2) {
		t.Run(fmt.Sprint(v), func(t *testing.T) {
			inBubble(t, statetopictest.New(0), func(h *harness) {
				beat := wired(t, v, h.ConsumerGroupHeartbeat, kmsg.NewPtrConsumerGroupHeartbeatRequest, kmsg.NewPtrConsumerGroupHeartbeatResponse)
				r := beat(hello("g", strings.Repeat("a", int(v)), "orders"))
				h.wantCode("heartbeat", r.ErrorCode, nil)
				if *r.MemberID == "" || r.MemberEpoch != 2 || r.HeartbeatIntervalMillis != 5000 || len(r.Assignment.Topics) != 1 {
					t.Fatalf("%+v", r)
				}
				if r = beat(again("g", *r.MemberID, 2)); r.ErrorCode != 0 || r.Assignment != nil {
					t.Fatalf("%+v", r)
				}
				describe := wired(t, v, h.ConsumerGroupDescribe, kmsg.NewPtrConsumerGroupDescribeRequest, kmsg.NewPtrConsumerGroupDescribeResponse)
				req := kmsg.NewPtrConsumerGroupDescribeRequest()
				req.Groups = []string{"g"}
				if d := describe(req).Groups[0]; d.ErrorCode != 0 || len(d.Members) != 1 {
					t.Fatalf("%+v", d)
				}
			})
		})
	}
}
