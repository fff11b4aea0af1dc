package group

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/group/share"
	"github.com/evidentlog/evident/internal/broker/statetopic/statetopictest"
)

// fakeQueues notes what it is told, and answers at once, or when it is let go.
type fakeQueues struct {
	mu    sync.Mutex
	calls []string
	held  chan struct{} // nil: answers come at once
	fail  error
}

func (q *fakeQueues) called(done func(error), format string, args ...any) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.calls = append(q.calls, fmt.Sprintf(format, args...))
	if done == nil {
		return
	}
	held, err := q.held, q.fail
	go func() {
		if held != nil {
			<-held
		}
		done(err)
	}()
}

// hold makes answers wait until the result is called.
func (q *fakeQueues) hold() (letGo func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	held := make(chan struct{})
	q.held = held
	return func() {
		q.mu.Lock()
		q.held = nil
		q.mu.Unlock()
		close(held)
	}
}

// said is what has been called since it was asked last.
func (q *fakeQueues) said() []string {
	synctest.Wait()
	q.mu.Lock()
	defer q.mu.Unlock()
	calls := q.calls
	q.calls = nil
	return calls
}

func (q *fakeQueues) Begin(group string, list []share.Beginning, done func(error)) {
	for _, b := range list {
		q.called(nil, "begin %s %c: %d partitions from %d", group, b.Topic[0], b.Count, b.First)
	}
	q.called(done, "begun %s", group)
}

func (q *fakeQueues) Left(group, member string, orderly bool) {
	q.called(nil, "left %s %s %v", group, member, orderly)
}

func (q *fakeQueues) Position(_ string, _ [16]byte, partition int32, done func(start, lag int64, err error)) {
	go done(int64(partition)*10, 5, nil)
}

func (q *fakeQueues) SetPosition(group string, topic [16]byte, partition int32, offset int64, done func(error)) {
	q.called(done, "set %s %c-%d to %d", group, topic[0], partition, offset)
}

func (q *fakeQueues) Delete(group string, topics [][16]byte, done func(error)) {
	which := "all"
	if topics != nil {
		which = fmt.Sprint(len(topics), " topics")
	}
	q.called(done, "delete %s: %s", group, which)
}

// withQueues runs f with a coordinator that has share groups.
func withQueues(t *testing.T, f func(h *harness, q *fakeQueues)) {
	t.Helper()
	inBubble(t, statetopictest.New(4), func(h *harness) {
		q := &fakeQueues{}
		h.stop()
		h.cfg.Queues = q
		h.start()
		synctest.Wait()
		f(h, q)
	})
}

func shareBeat(group, member string, epoch int32, topics ...string) *kmsg.ShareGroupHeartbeatRequest {
	req := kmsg.NewPtrShareGroupHeartbeatRequest()
	req.Version, req.GroupID, req.MemberID, req.MemberEpoch, req.SubscribedTopicNames = 1, group, member, epoch, topics
	return req
}

// joinShare joins a group and returns the member's epoch.
func (h *harness) joinShare(group, member string, topics ...string) int32 {
	h.t.Helper()
	resp := call(h.ShareGroupHeartbeat, shareBeat(group, member, 0, topics...))
	h.wantCode("join "+member, resp.ErrorCode, nil)
	return resp.MemberEpoch
}

func (h *harness) describeShares(group string) kmsg.ShareGroupDescribeResponseGroup {
	req := kmsg.NewPtrShareGroupDescribeRequest()
	req.GroupIDs = []string{group}
	return call(h.ShareGroupDescribe, req).Groups[0]
}

func wantCalls(t testing.TB, q *fakeQueues, want ...string) {
	t.Helper()
	if got := q.said(); !slices.Equal(got, want) {
		t.Errorf("the queues were told %q, want %q", got, want)
	}
}

func TestAShareMemberIsToldOfItsPartitionsOnceTheGroupHasBegunWithThem(t *testing.T) {
	withQueues(t, func(h *harness, q *fakeQueues) {
		letGo := q.hold()
		joined := begin(h.ShareGroupHeartbeat, shareBeat("g", "m", 0, "orders"))
		if answered(joined) {
			t.Error("the answer came before the group had begun")
		}
		wantCalls(t, q, "begin g o: 10 partitions from 0", "begun g")
		letGo()
		resp := <-joined
		if resp.ErrorCode != 0 || resp.Assignment == nil || len(resp.Assignment.TopicPartitions) != 1 || len(resp.Assignment.TopicPartitions[0].Partitions) != 10 {
			t.Fatalf("%+v", resp)
		}
		if again := call(h.ShareGroupHeartbeat, shareBeat("g", "m", resp.MemberEpoch)); again.ErrorCode != 0 || again.Assignment != nil {
			t.Errorf("a heartbeat: %+v", again)
		}
		h.joinShare("g", "n", "orders")
		wantCalls(t, q) // it has begun already
		h.restart()
		d := h.describeShares("g")
		if d.ErrorCode != 0 || d.GroupState != "Stable" || len(d.Members) != 2 || d.Assignor != "simple" {
			t.Errorf("after a restart: %+v", d)
		}
		h.joinShare("g", "o", "orders")
		wantCalls(t, q)
	})
}

func TestAShareGroupThatCannotBeginIsNotMade(t *testing.T) {
	withQueues(t, func(h *harness, q *fakeQueues) {
		q.fail = errors.New("the disk is full")
		resp := call(h.ShareGroupHeartbeat, shareBeat("g", "m", 0, "orders"))
		h.wantCode("join", resp.ErrorCode, kerr.CoordinatorNotAvailable)
		h.wantCode("describe", h.describeShares("g").ErrorCode, kerr.GroupIDNotFound)
		h.wantGroups()
	})
}

func TestQueuesAreToldWhoHasLeftAndHow(t *testing.T) {
	withQueues(t, func(h *harness, q *fakeQueues) {
		for _, m := range []string{"leaves", "is silent"} {
			h.joinShare("g", m, "orders")
		}
		q.said()
		resp := call(h.ShareGroupHeartbeat, shareBeat("g", "leaves", -1))
		h.wantCode("leave", resp.ErrorCode, nil)
		wantCalls(t, q, "left g leaves true")
		pass(46 * time.Second)
		wantCalls(t, q, "left g is silent false")
		if d := h.describeShares("g"); d.GroupState != "Empty" || len(d.Members) != 0 {
			t.Errorf("%+v", d)
		}
		h.wantCode("the silent one", call(h.ShareGroupHeartbeat, shareBeat("g", "is silent", 2)).ErrorCode, kerr.UnknownMemberID)
	})
}

func TestOneIDNamesOneKindOfGroup(t *testing.T) {
	withQueues(t, func(h *harness, q *fakeQueues) {
		h.joinShare("shared", "m", "orders")
		h.wantCode("a classic member", call(h.Join, joinRequest("shared", "", "orders")).ErrorCode, kerr.InconsistentGroupProtocol)
		h.stable("classic", "orders")
		h.wantCode("a share member", call(h.ShareGroupHeartbeat, shareBeat("classic", "m", 0, "orders")).ErrorCode, kerr.GroupIDNotFound)
		h.wantCode("describe", h.describeShares("classic").ErrorCode, kerr.GroupIDNotFound)
		list := kmsg.NewPtrListGroupsRequest()
		list.Version, list.TypesFilter = 5, []string{"share"}
		groups := call(h.ListGroups, list).Groups
		if len(groups) != 1 || groups[0].Group != "shared" || groups[0].GroupType != "share" || groups[0].ProtocolType != "share" {
			t.Errorf("%+v", groups)
		}
	})
}

func TestWithoutQueuesThereAreNoShareGroups(t *testing.T) {
	inBubble(t, statetopictest.New(4), func(h *harness) {
		h.wantCode("join", call(h.ShareGroupHeartbeat, shareBeat("g", "m", 0, "orders")).ErrorCode, kerr.UnsupportedVersion)
	})
}

func alterShare(group string, offsets map[string]map[int32]int64) *kmsg.AlterShareGroupOffsetsRequest {
	req := kmsg.NewPtrAlterShareGroupOffsetsRequest()
	req.GroupID = group
	for topic, partitions := range offsets {
		rt := kmsg.NewAlterShareGroupOffsetsRequestTopic()
		rt.Topic = topic
		for p, offset := range partitions {
			rt.Partitions = append(rt.Partitions, kmsg.AlterShareGroupOffsetsRequestTopicPartition{Partition: p, StartOffset: offset})
		}
		req.Topics = append(req.Topics, rt)
	}
	return req
}

// alterOne alters one offset and returns the error of all or of the partition.
func (h *harness) alterOne(group, topic string, partition int32, offset int64) int16 {
	resp := call(h.AlterShareGroupOffsets, alterShare(group, map[string]map[int32]int64{topic: {partition: offset}}))
	if resp.ErrorCode != 0 {
		return resp.ErrorCode
	}
	return resp.Topics[0].Partitions[0].ErrorCode
}

func TestOffsetsOfShareGroupsAreAlteredWithoutMembers(t *testing.T) {
	withQueues(t, func(h *harness, q *fakeQueues) {
		h.wantCode("no group", h.alterOne("", "orders", 0, 1), kerr.InvalidGroupID)
		h.wantCode("no topic", h.alterOne("g", "nothing", 0, 1), kerr.UnknownTopicOrPartition)
		h.wantCode("no partition", h.alterOne("g", "orders", 10, 1), kerr.UnknownTopicOrPartition)
		h.wantCode("a negative partition", h.alterOne("g", "orders", -1, 1), kerr.UnknownTopicOrPartition)
		h.wantCode("a negative offset", h.alterOne("g", "orders", 0, -1), kerr.InvalidRequest)
		q.said()
		h.wantCode("an offset", h.alterOne("new", "orders", 3, 7), nil)
		wantCalls(t, q, "begin new o: 10 partitions from 0", "begun new", "set new o-3 to 7")
		h.wantCode("the group", h.describeShares("new").ErrorCode, nil)

		letGo := q.hold()
		altered := begin(h.AlterShareGroupOffsets, alterShare("new", map[string]map[int32]int64{"orders": {0: 1}}))
		if answered(altered) {
			t.Error("the answer came before it was durable")
		}
		h.wantCode("joining meanwhile", call(h.ShareGroupHeartbeat, shareBeat("new", "m", 0, "orders")).ErrorCode, kerr.CoordinatorNotAvailable)
		h.wantCode("altering meanwhile", h.alterOne("new", "orders", 0, 2), kerr.CoordinatorNotAvailable)
		letGo()
		h.wantCode("the first", (<-altered).ErrorCode, nil)
		h.joinShare("new", "m", "orders")
		h.wantCode("with a member", h.alterOne("new", "orders", 0, 1), kerr.NonEmptyGroup)
	})
}

func TestOffsetsOfShareGroupsAreDescribed(t *testing.T) {
	withQueues(t, func(h *harness, q *fakeQueues) {
		h.joinShare("g", "m", "orders")
		describe := func(group string, topics ...kmsg.DescribeShareGroupOffsetsRequestGroupTopic) kmsg.DescribeShareGroupOffsetsResponseGroup {
			req := kmsg.NewPtrDescribeShareGroupOffsetsRequest()
			req.Version, req.Groups = 1, []kmsg.DescribeShareGroupOffsetsRequestGroup{{GroupID: group, Topics: topics}}
			return call(h.DescribeShareGroupOffsets, req).Groups[0]
		}
		all := describe("g")
		if all.ErrorCode != 0 || len(all.Topics) != 1 || all.Topics[0].Topic != "orders" || len(all.Topics[0].Partitions) != 10 {
			t.Fatalf("%+v", all)
		}
		some := describe("g", kmsg.DescribeShareGroupOffsetsRequestGroupTopic{Topic: "orders", Partitions: []int32{4}},
			kmsg.DescribeShareGroupOffsetsRequestGroupTopic{Topic: "nothing", Partitions: []int32{0}})
		if p := some.Topics[0].Partitions[0]; p.Partition != 4 || p.StartOffset != 40 || p.Lag != 5 || p.ErrorCode != 0 {
			t.Errorf("%+v", p)
		}
		if p := some.Topics[1].Partitions[0]; p.StartOffset != -1 || p.Lag != -1 || p.ErrorCode != 0 {
			t.Errorf("%+v", p)
		}
		if g := describe("nobody"); g.ErrorCode != 0 || len(g.Topics) != 0 {
			t.Errorf("of a group that is not there: %+v", g)
		}
		h.stable("classic", "orders")
		h.wantCode("of a classic group", describe("classic").ErrorCode, kerr.GroupIDNotFound)
	})
}

func TestAShareGroupIsDeletedAfterItsQueues(t *testing.T) {
	withQueues(t, func(h *harness, q *fakeQueues) {
		h.joinShare("g", "m", "orders")
		remove := kmsg.NewPtrDeleteGroupsRequest()
		remove.Version, remove.Groups = 2, []string{"g"}
		h.wantCode("with a member", call(h.DeleteGroups, remove).Groups[0].ErrorCode, kerr.NonEmptyGroup)
		h.wantCode("leave", call(h.ShareGroupHeartbeat, shareBeat("g", "m", -1)).ErrorCode, nil)
		q.said()
		q.fail = errors.New("the disk is full")
		h.wantCode("while the disk is full", call(h.DeleteGroups, remove).Groups[0].ErrorCode, kerr.CoordinatorNotAvailable)
		wantCalls(t, q, "delete g: all")
		h.wantGroups("g Empty")
		q.fail = nil
		letGo := q.hold()
		removed := begin(h.DeleteGroups, remove)
		if answered(removed) {
			t.Error("the answer came before the queues were gone")
		}
		h.wantGroups("g Empty")
		letGo()
		h.wantCode("delete", (<-removed).Groups[0].ErrorCode, nil)
		h.wantGroups()
		h.restart()
		h.wantGroups()
	})
}

func TestOffsetsOfATopicAreForgotten(t *testing.T) {
	withQueues(t, func(h *harness, q *fakeQueues) {
		h.joinShare("g", "m", "orders", "payments")
		forget := func(group string, topics ...string) *kmsg.DeleteShareGroupOffsetsResponse {
			req := kmsg.NewPtrDeleteShareGroupOffsetsRequest()
			req.GroupID = group
			for _, topic := range topics {
				req.Topics = append(req.Topics, kmsg.DeleteShareGroupOffsetsRequestTopic{Topic: topic})
			}
			return call(h.DeleteShareGroupOffsets, req)
		}
		h.wantCode("with a member", forget("g", "orders").ErrorCode, kerr.NonEmptyGroup)
		h.wantCode("of a group that is not there", forget("nobody", "orders").ErrorCode, kerr.GroupIDNotFound)
		h.wantCode("leave", call(h.ShareGroupHeartbeat, shareBeat("g", "m", -1)).ErrorCode, nil)
		q.said()
		resp := forget("g", "orders", "nothing")
		h.wantCode("all", resp.ErrorCode, nil)
		h.wantCode("orders", resp.Topics[0].ErrorCode, nil)
		h.wantCode("nothing", resp.Topics[1].ErrorCode, kerr.UnknownTopicOrPartition)
		wantCalls(t, q, "delete g: 1 topics")
		h.joinShare("g", "m", "orders", "payments")
		wantCalls(t, q, "begin g o: 10 partitions from 0", "begun g") // anew, and payments not
	})
}
