package group

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/evidentlog/evident/internal/broker/statetopic/statetopictest"
)

const week = 7 * 24 * time.Hour

func TestOffsetsOfAnEmptyGroupExpire(t *testing.T) {
	inBubble(t, statetopictest.New(4), func(h *harness) {
		h.cfg.OffsetsRetention = 24 * time.Hour
		h.restart()
		member, generation := h.stable("g", "orders")
		req := commitRequest("g", "orders", 0, 1)
		req.MemberID, req.Generation = member, generation
		call(h.OffsetCommit, req)
		for start := time.Now(); time.Since(start) < 30*time.Hour; pass(9 * time.Second) {
			h.wantCode("Heartbeat", h.heartbeat("g", member, generation), nil)
		}
		h.wantOffset("g", "orders", 0, 1)
		h.leave("g", member)
		pass(23 * time.Hour)
		h.wantOffset("g", "orders", 0, 1)
		pass(2 * time.Hour)
		h.wantOffset("g", "orders", 0, -1)
		h.wantGroups()
		h.restart()
		h.wantOffset("g", "orders", 0, -1)
		h.wantGroups()
	})
}

// What a consumer no longer reads expires after the commit, what it reads does not.
func TestOffsetsOfUnreadTopicsExpire(t *testing.T) {
	inBubble(t, statetopictest.New(4), func(h *harness) {
		h.cfg.OffsetsRetention = time.Hour
		h.restart()
		h.commit("g", "orders", 0, 1)
		h.commit("g", "payments", 0, 1)
		member, generation := h.stable("g", "orders")
		for range 500 {
			pass(9 * time.Second)
			h.wantCode("Heartbeat", h.heartbeat("g", member, generation), nil)
		}
		h.wantOffset("g", "orders", 0, 1)
		h.wantOffset("g", "payments", 0, -1)
	})
}

func TestSimpleConsumersOffsetsExpireAfterTheCommit(t *testing.T) {
	inBubble(t, statetopictest.New(4), func(h *harness) {
		h.commit("g", "orders", 0, 1)
		pass(week / 2)
		h.commit("g", "orders", 1, 1)
		h.restart() // the age is that of the commit, not of the coordinator
		pass(week/2 + time.Hour)
		h.wantOffset("g", "orders", 0, -1)
		h.wantOffset("g", "orders", 1, 1)
		pass(week / 2)
		h.wantGroups()
	})
}

func TestOldVersionsSetTheirOwnRetention(t *testing.T) {
	inBubble(t, statetopictest.New(4), func(h *harness) {
		req := commitRequest("g", "orders", 0, 1)
		req.Version, req.RetentionTimeMillis = 4, time.Hour.Milliseconds()
		h.wantCode("OffsetCommit", commitCode(call(h.OffsetCommit, req)), nil)
		h.restart()
		pass(50 * time.Minute)
		h.wantOffset("g", "orders", 0, 1)
		pass(20 * time.Minute)
		h.wantOffset("g", "orders", 0, -1)
	})
}

func TestDeletedTopicTakesItsOffsetsAlong(t *testing.T) {
	store := statetopictest.New(4)
	inBubble(t, store, func(h *harness) {
		h.commit("g", "orders", 0, 1)
		h.commit("g", "payments", 0, 1)
		store.Change(func(f *statetopictest.Faults) { f.Delay = time.Second })
		late := begin(h.OffsetCommit, commitRequest("g", "orders", 1, 1))
		h.TopicDeleted("orders", h.topics.remove("orders"))
		h.topics.add("orders", 2, 10)
		anew := begin(h.OffsetCommit, commitRequest("g", "orders", 2, 1))
		pass(5 * time.Second)
		<-late
		<-anew
		for range 2 {
			h.wantOffset("g", "orders", 0, -1)
			h.wantOffset("g", "orders", 1, -1)
			h.wantOffset("g", "orders", 2, 1)
			h.wantOffset("g", "payments", 0, 1)
			store.Change(func(f *statetopictest.Faults) { f.Delay = 0 })
			h.restart()
		}
	})
}

// A crash between the deletion of a topic and that of its offsets.
func TestLoadingDropsOffsetsOfTopicsThatAreGone(t *testing.T) {
	store := statetopictest.New(4)
	inBubble(t, store, func(h *harness) {
		h.commit("g", "orders", 0, 1)
		h.commit("g", "payments", 0, 1)
		h.topics.remove("orders")
		h.topics.remove("payments")
		h.topics.add("payments", 2, 10) // a new topic of an old name
		before := store.Count()
		h.restart()
		h.wantOffset("g", "payments", 0, -1)
		h.wantOffset("g", "orders", 0, -1)
		if store.Count() == before {
			t.Error("no tombstones are written")
		}
		h.wantGroups() // nothing is left of it
	})
}

func TestDeleteGroups(t *testing.T) {
	store := statetopictest.New(4)
	inBubble(t, store, func(h *harness) {
		member, _ := h.stable("g", "orders")
		h.commit("simple", "orders", 0, 1)
		wantDeleted(h, "g", kerr.NonEmptyGroup)
		wantDeleted(h, "none", kerr.GroupIDNotFound)
		h.leave("g", member)
		h.commit("g", "orders", 0, 1)
		store.Change(func(f *statetopictest.Faults) { f.Append = errDisk })
		wantDeleted(h, "g", kerr.CoordinatorNotAvailable)
		h.wantOffset("g", "orders", 0, 1)
		store.Change(func(f *statetopictest.Faults) { f.Append = nil })
		wantDeleted(h, "g", nil)
		wantDeleted(h, "simple", nil)
		h.wantGroups()
		wantDeleted(h, "g", kerr.GroupIDNotFound)
		h.restart()
		h.wantGroups()
		h.wantOffset("g", "orders", 0, -1)
	})
}

// Somebody commits and joins while the tombstones are on their way.
func TestGroupThatComesBackDuringItsDeletion(t *testing.T) {
	store := statetopictest.New(4)
	inBubble(t, store, func(h *harness) {
		h.commit("g", "orders", 0, 1)
		store.Change(func(f *statetopictest.Faults) { f.Delay = time.Second })
		deleted := begin(h.DeleteGroups, deleteRequest("g"))
		committed := begin(h.OffsetCommit, commitRequest("g", "orders", 1, 2))
		pass(time.Second)
		h.wantCode("DeleteGroups", (<-deleted).Groups[0].ErrorCode, nil)
		h.wantCode("OffsetCommit", commitCode(<-committed), nil)
		store.Change(func(f *statetopictest.Faults) { f.Delay = 0 })
		h.stable("g", "orders")
		for range 2 {
			h.wantOffset("g", "orders", 0, -1)
			h.wantOffset("g", "orders", 1, 2)
			h.wantGroups("g Stable")
			h.restart()
		}
	})
}

// An id that was asked for and never used leaves nothing behind.
func TestForgottenJoinLeavesNoGroup(t *testing.T) {
	store := statetopictest.New(4)
	inBubble(t, store, func(h *harness) {
		h.wantCode("JoinGroup", call(h.Join, joinRequest("g", "", "orders")).ErrorCode, kerr.MemberIDRequired)
		h.wantGroups("g Empty")
		pass(10 * time.Second)
		h.wantGroups()
		if store.Count() != 0 {
			t.Errorf("%d batches are written for nothing", store.Count())
		}
		synctest.Wait()
	})
}

// A deletion does not wait for those who have asked for an id and not come back.
func TestGroupWithAnUnusedIDCanBeDeleted(t *testing.T) {
	inBubble(t, statetopictest.New(4), func(h *harness) {
		h.commit("g", "orders", 0, 1)
		id := call(h.Join, joinRequest("g", "", "orders")).MemberID
		wantDeleted(h, "g", nil)
		h.wantGroups()
		h.wantCode("JoinGroup", call(h.Join, joinRequest("g", id, "orders")).ErrorCode, kerr.UnknownMemberID)
		call(h.Join, joinRequest("new", "", "orders"))
		wantDeleted(h, "new", nil)
		h.wantGroups()
	})
}

// An offset is renewed while the sweep that would remove it comes by.
func TestCommitUnderWayIsNotSweptAway(t *testing.T) {
	store := statetopictest.New(4)
	inBubble(t, store, func(h *harness) {
		h.cfg.OffsetsRetention = time.Hour
		h.restart()
		h.commit("g", "orders", 0, 1)
		pass(59 * time.Minute)
		store.Change(func(f *statetopictest.Faults) { f.Delay = 5 * time.Minute })
		renewed := begin(h.OffsetCommit, commitRequest("g", "orders", 0, 2))
		pass(5 * time.Minute)
		h.wantCode("OffsetCommit", commitCode(<-renewed), nil)
		store.Change(func(f *statetopictest.Faults) { f.Delay = 0 })
		pass(30 * time.Minute)
		h.wantOffset("g", "orders", 0, 2)
		h.restart()
		h.wantOffset("g", "orders", 0, 2)
	})
}
