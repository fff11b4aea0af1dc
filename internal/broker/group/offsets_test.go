package group

import (
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/statetopic/statetopictest"
)

func TestCommittedOffsetsSurviveARestart(t *testing.T) {
	inBubble(t, statetopictest.New(0), func(h *harness) {
		h.commit("g", "orders", 3, 42)
		h.commit("g", "orders", 3, 43)
		h.commit("g", "payments", 0, 7)
		h.commit("other", "orders", 3, 1)
		h.restart()
		h.wantOffset("g", "orders", 3, 43)
		h.wantOffset("g", "payments", 0, 7)
		h.wantOffset("other", "orders", 3, 1)
		h.wantOffset("g", "orders", 4, -1)
		h.wantOffset("nobody", "orders", 3, -1)
		p := call(h.OffsetFetch, fetchRequest("g", "orders", 3)).Groups[0].Topics[0].Partitions[0]
		if p.LeaderEpoch != 3 || *p.Metadata != "note" {
			t.Errorf("epoch %d, metadata %q", p.LeaderEpoch, *p.Metadata)
		}
	})
}

func TestCommitIsAnsweredOnceDurable(t *testing.T) {
	store := statetopictest.New(4)
	inBubble(t, store, func(h *harness) {
		h.commit("g", "orders", 0, 1)
		store.Change(func(f *statetopictest.Faults) { f.Delay = time.Second })
		reply := begin(h.OffsetCommit, commitRequest("g", "orders", 0, 2))
		pass(999 * time.Millisecond)
		if answered(reply) {
			t.Fatal("answered before it is durable")
		}
		h.wantOffset("g", "orders", 0, 1) // nor can it be seen
		stable := fetchRequest("g", "orders", 0)
		stable.RequireStable = true
		fetched := begin(h.OffsetFetch, stable)
		if answered(fetched) {
			t.Fatal("a stable fetch does not wait for the commit")
		}
		pass(time.Millisecond)
		h.wantCode("OffsetCommit", commitCode(<-reply), nil)
		h.wantOffset("g", "orders", 0, 2)
		if got := (<-fetched).Groups[0].Topics[0].Partitions[0].Offset; got != 2 {
			t.Errorf("stable fetch gives %d", got)
		}
	})
}

func TestCommitThatCannotBeStoredDoesNotCount(t *testing.T) {
	store := statetopictest.New(4)
	inBubble(t, store, func(h *harness) {
		h.commit("g", "orders", 0, 1)
		store.Change(func(f *statetopictest.Faults) { f.Append = errDisk })
		r := call(h.OffsetCommit, commitRequest("g", "orders", 0, 2))
		h.wantCode("OffsetCommit", commitCode(r), kerr.CoordinatorNotAvailable)
		h.wantOffset("g", "orders", 0, 1)
		store.Change(func(f *statetopictest.Faults) { f.Append, f.MaxBatch = nil, 10 })
		r = call(h.OffsetCommit, commitRequest("g", "orders", 0, 2))
		h.wantCode("OffsetCommit", commitCode(r), kerr.InvalidCommitOffsetSize)
		store.Change(func(f *statetopictest.Faults) { f.MaxBatch = 0 })
		h.commit("g", "orders", 0, 3)
		h.wantOffset("g", "orders", 0, 3)
	})
}

// Two commits whose appends finish in the wrong order: the later one wins.
func TestCommitsApplyInTheOrderOfTheLog(t *testing.T) {
	store := statetopictest.New(4)
	inBubble(t, store, func(h *harness) {
		store.Change(func(f *statetopictest.Faults) { f.Delay = 2 * time.Second })
		first := begin(h.OffsetCommit, commitRequest("g", "orders", 0, 1))
		store.Change(func(f *statetopictest.Faults) { f.Delay = time.Second })
		second := begin(h.OffsetCommit, commitRequest("g", "orders", 0, 2))
		pass(time.Second)
		if answered(first) || answered(second) {
			t.Fatal("answered out of order")
		}
		pass(time.Second)
		<-first
		<-second
		h.wantOffset("g", "orders", 0, 2)
	})
}

func TestCommitChecksEachPartition(t *testing.T) {
	inBubble(t, statetopictest.New(4), func(h *harness) {
		h.wantCode("topic", commitCode(call(h.OffsetCommit, commitRequest("g", "none", 0, 1))), kerr.UnknownTopicOrPartition)
		h.wantCode("partition", commitCode(call(h.OffsetCommit, commitRequest("g", "orders", 10, 1))), kerr.UnknownTopicOrPartition)
		h.wantCode("partition", commitCode(call(h.OffsetCommit, commitRequest("g", "orders", -1, 1))), kerr.UnknownTopicOrPartition)
		req := commitRequest("g", "orders", 0, 1)
		rt := &req.Topics[0]
		rt.Partitions = append(rt.Partitions, rt.Partitions[0])
		rt.Partitions[0].Metadata = kmsg.StringPtr(strings.Repeat("m", 4097))
		rt.Partitions[1].Partition = 1
		r := call(h.OffsetCommit, req)
		h.wantCode("metadata", commitCode(r), kerr.OffsetMetadataTooLarge)
		h.wantCode("the other", r.Topics[0].Partitions[1].ErrorCode, nil)
		h.wantOffset("g", "orders", 0, -1)
		h.wantOffset("g", "orders", 1, 1)
	})
}

func TestTopicsAreNamedByIDFromVersion10(t *testing.T) {
	inBubble(t, statetopictest.New(4), func(h *harness) {
		id, _, _ := h.topics.TopicByName("orders")
		req := commitRequest("g", "", 0, 5)
		req.Version, req.Topics[0].TopicID = 10, id
		r := call(h.OffsetCommit, req)
		h.wantCode("OffsetCommit", commitCode(r), nil)
		if r.Topics[0].TopicID != id {
			t.Error("the response does not carry the id")
		}
		h.wantOffset("g", "orders", 0, 5)
		fetch := fetchRequest("g", "", 0)
		fetch.Version, fetch.Groups[0].Topics[0].TopicID = 10, id
		st := call(h.OffsetFetch, fetch).Groups[0].Topics[0]
		if st.TopicID != id || st.Partitions[0].Offset != 5 {
			t.Errorf("fetch by id: %+v", st)
		}
		fetch.Groups[0].Topics = nil
		if ts := call(h.OffsetFetch, fetch).Groups[0].Topics; len(ts) != 1 || ts[0].TopicID != id {
			t.Errorf("fetch all by id: %+v", ts)
		}
		req.Topics[0].TopicID = [16]byte{9}
		h.wantCode("OffsetCommit", commitCode(call(h.OffsetCommit, req)), kerr.UnknownTopicID)
		fetch.Groups[0].Topics = []kmsg.OffsetFetchRequestGroupTopic{{TopicID: [16]byte{9}, Partitions: []int32{0}}}
		p := call(h.OffsetFetch, fetch).Groups[0].Topics[0].Partitions[0]
		h.wantCode("OffsetFetch", p.ErrorCode, kerr.UnknownTopicID)
	})
}

func TestCommitOfAMember(t *testing.T) {
	inBubble(t, statetopictest.New(4), func(h *harness) {
		member, generation := h.stable("g", "orders")
		req := commitRequest("g", "orders", 0, 1)
		h.wantCode("no member", commitCode(call(h.OffsetCommit, req)), kerr.UnknownMemberID)
		req.MemberID, req.Generation = member, generation
		h.wantCode("member", commitCode(call(h.OffsetCommit, req)), nil)
		req.Generation++
		h.wantCode("generation", commitCode(call(h.OffsetCommit, req)), kerr.IllegalGeneration)
		req.Group = "none"
		h.wantCode("no group", commitCode(call(h.OffsetCommit, req)), kerr.GroupIDNotFound)
		req.Version = 8
		h.wantCode("no group", commitCode(call(h.OffsetCommit, req)), kerr.IllegalGeneration)
		h.wantGroups("g Stable")
	})
}

// A commit is a sign of life.
func TestCommitKeepsTheSessionAlive(t *testing.T) {
	inBubble(t, statetopictest.New(4), func(h *harness) {
		member, generation := h.stable("g", "orders")
		req := commitRequest("g", "orders", 0, 1)
		req.MemberID, req.Generation = member, generation
		for range 5 {
			pass(9 * time.Second)
			h.wantCode("OffsetCommit", commitCode(call(h.OffsetCommit, req)), nil)
		}
		pass(10 * time.Second)
		h.wantGroups("g Empty")
	})
}

func TestOldFetchVersions(t *testing.T) {
	inBubble(t, statetopictest.New(4), func(h *harness) {
		h.commit("g", "orders", 1, 5)
		h.commit("g", "payments", 2, 6)
		req := kmsg.NewPtrOffsetFetchRequest()
		req.Version, req.Group = 7, "g"
		r := call(h.OffsetFetch, req)
		if len(r.Topics) != 2 || r.Topics[0].Topic != "orders" || r.Topics[1].Partitions[0].Offset != 6 {
			t.Errorf("all topics: %+v", r.Topics)
		}
		req.Version = 1
		req.Topics = []kmsg.OffsetFetchRequestTopic{{Topic: "orders", Partitions: []int32{1, 2}}}
		r = call(h.OffsetFetch, req)
		if ps := r.Topics[0].Partitions; len(ps) != 2 || ps[0].Offset != 5 || ps[1].Offset != -1 {
			t.Errorf("one topic: %+v", r.Topics)
		}
	})
}

func TestOffsetDeleteKnowsThePartitionsOfATopic(t *testing.T) {
	inBubble(t, statetopictest.New(0), func(h *harness) {
		h.commit("g", "orders", 0, 5)
		req := kmsg.NewPtrOffsetDeleteRequest()
		req.Group = "g"
		req.Topics = []kmsg.OffsetDeleteRequestTopic{{Topic: "orders", Partitions: []kmsg.OffsetDeleteRequestTopicPartition{{Partition: 0}, {Partition: 1000}, {Partition: -1}}}}
		answers := call(h.OffsetDelete, req).Topics[0].Partitions
		for i, want := range []*kerr.Error{nil, kerr.UnknownTopicOrPartition, kerr.UnknownTopicOrPartition} {
			h.wantCode("OffsetDelete", answers[i].ErrorCode, want)
		}
	})
}

func TestAGroupDeletedTwiceInARequestHasOneAnswer(t *testing.T) {
	inBubble(t, statetopictest.New(0), func(h *harness) {
		h.commit("g", "orders", 0, 5)
		groups := call(h.DeleteGroups, deleteRequest("g", "other", "g")).Groups
		if len(groups) != 2 || groups[0].Group != "g" || groups[0].ErrorCode != 0 || groups[1].ErrorCode != kerr.GroupIDNotFound.Code {
			t.Errorf("answers %+v", groups)
		}
	})
}

func TestOffsetDelete(t *testing.T) {
	inBubble(t, statetopictest.New(4), func(h *harness) {
		for _, topic := range []string{"orders", "payments"} {
			h.commit("g", topic, 0, 1)
			h.commit("g", topic, 1, 1)
		}
		h.stable("g", "orders")
		req := kmsg.NewPtrOffsetDeleteRequest()
		req.Group = "g"
		for _, topic := range []string{"orders", "payments", "none"} {
			rt := kmsg.NewOffsetDeleteRequestTopic()
			rt.Topic, rt.Partitions = topic, []kmsg.OffsetDeleteRequestTopicPartition{{Partition: 0}}
			req.Topics = append(req.Topics, rt)
		}
		r := call(h.OffsetDelete, req)
		h.wantCode("OffsetDelete", r.ErrorCode, nil)
		h.wantCode("orders", r.Topics[0].Partitions[0].ErrorCode, kerr.GroupSubscribedToTopic)
		h.wantCode("payments", r.Topics[1].Partitions[0].ErrorCode, nil)
		h.wantCode("none", r.Topics[2].Partitions[0].ErrorCode, kerr.UnknownTopicOrPartition)
		h.restart()
		h.wantOffset("g", "orders", 0, 1)
		h.wantOffset("g", "payments", 0, -1)
		h.wantOffset("g", "payments", 1, 1)
		req.Group = "none"
		h.wantCode("no group", call(h.OffsetDelete, req).ErrorCode, kerr.GroupIDNotFound)
	})
}
