package group

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/statetopic/statetopictest"
)

func deleteRequest(groups ...string) *kmsg.DeleteGroupsRequest {
	req := kmsg.NewPtrDeleteGroupsRequest()
	req.Version, req.Groups = 2, groups
	return req
}

func wantDeleted(h *harness, group string, want *kerr.Error) {
	h.t.Helper()
	h.wantCode("DeleteGroups", call(h.DeleteGroups, deleteRequest(group)).Groups[0].ErrorCode, want)
}

// The members of a stable group go on after a restart as if nothing had been.
func TestMembersSurviveARestart(t *testing.T) {
	inBubble(t, statetopictest.New(4), func(h *harness) {
		member, generation := h.stable("g", "orders")
		h.restart()
		h.wantCode("Heartbeat", h.heartbeat("g", member, generation), nil)
		h.wantGroups("g Stable")
		pass(9 * time.Second)
		h.wantCode("Heartbeat", h.heartbeat("g", member, generation), nil)
		pass(10 * time.Second)
		h.wantCode("Heartbeat", h.heartbeat("g", member, generation), kerr.UnknownMemberID)
		h.wantGroups("g Empty")
	})
}

func TestSyncIsAnsweredOnceDurable(t *testing.T) {
	store := statetopictest.New(4)
	inBubble(t, store, func(h *harness) {
		r := call(h.Join, joinRequest("g", "", "orders"))
		r = call(h.Join, joinRequest("g", r.MemberID, "orders"))
		store.Change(func(f *statetopictest.Faults) { f.Delay = time.Second })
		req := kmsg.NewPtrSyncGroupRequest()
		req.Version, req.Group, req.MemberID, req.Generation = 4, "g", r.MemberID, r.Generation
		reply := begin(h.SyncGroup, req)
		pass(999 * time.Millisecond)
		if answered(reply) {
			t.Fatal("answered before it is durable")
		}
		h.wantGroups("g CompletingRebalance")
		pass(time.Millisecond)
		h.wantCode("SyncGroup", (<-reply).ErrorCode, nil)
		h.wantGroups("g Stable")
	})
}

func TestGroupsAreLoadedInTheBackground(t *testing.T) {
	store := statetopictest.New(4)
	inBubble(t, store, func(h *harness) {
		member, generation := h.stable("g", "orders")
		h.commit("simple", "orders", 0, 1)
		store.Set(statetopictest.Faults{ReadDelay: 10 * time.Second})
		h.restart()
		loading := kerr.CoordinatorLoadInProgress
		h.wantCode("JoinGroup", call(h.Join, joinRequest("g", "", "orders")).ErrorCode, loading)
		h.wantCode("OffsetCommit", commitCode(call(h.OffsetCommit, commitRequest("g", "orders", 0, 1))), loading)
		h.wantCode("OffsetFetch", call(h.OffsetFetch, fetchRequest("simple", "orders", 0)).Groups[0].ErrorCode, loading)
		h.wantCode("DeleteGroups", call(h.DeleteGroups, deleteRequest("g")).Groups[0].ErrorCode, loading)
		h.wantCode("ListGroups", call(h.ListGroups, kmsg.NewPtrListGroupsRequest()).ErrorCode, loading)
		h.wantCode("Heartbeat", h.heartbeat("g", member, generation), nil) // nobody is to lose its place
		pass(20 * time.Second)                                             // two at a time, on two cores
		pass(20 * time.Second)
		h.wantOffset("simple", "orders", 0, 1)
		h.wantCode("ListGroups", call(h.ListGroups, kmsg.NewPtrListGroupsRequest()).ErrorCode, nil)
	})
}

func TestLoadingIsTriedAgain(t *testing.T) {
	store := statetopictest.New(4)
	inBubble(t, store, func(h *harness) {
		h.commit("g", "orders", 0, 1)
		store.Change(func(f *statetopictest.Faults) { f.Read = errDisk })
		h.restart()
		pass(10 * time.Second)
		code := call(h.OffsetFetch, fetchRequest("g", "orders", 0)).Groups[0].ErrorCode
		h.wantCode("OffsetFetch", code, kerr.CoordinatorLoadInProgress)
		store.Change(func(f *statetopictest.Faults) { f.Read = nil })
		pass(30 * time.Second)
		h.wantOffset("g", "orders", 0, 1)
	})
}

func TestTopicIsCreatedOnFirstUse(t *testing.T) {
	store := statetopictest.New(0)
	inBubble(t, store, func(h *harness) {
		h.wantGroups()
		h.wantOffset("g", "orders", 0, -1)
		h.wantCode("Heartbeat", h.heartbeat("g", "m", 1), kerr.UnknownMemberID)
		if store.Creations() != 0 {
			t.Error("a reader had the topic created")
		}
		store.Change(func(f *statetopictest.Faults) { f.Create = errDisk })
		h.wantCode("JoinGroup", call(h.Join, joinRequest("g", "", "orders")).ErrorCode, kerr.CoordinatorNotAvailable)
		store.Change(func(f *statetopictest.Faults) { f.Create = nil })
		h.commit("g", "orders", 0, 1)
		h.commit("g", "orders", 0, 2)
		h.restart()
		h.wantOffset("g", "orders", 0, 2)
		if store.Creations() != 2 {
			t.Errorf("created %d times", store.Creations())
		}
	})
}

func TestRunEndsByAnsweringEverybody(t *testing.T) {
	store := statetopictest.New(4)
	inBubble(t, store, func(h *harness) {
		h.cfg.InitialRebalanceDelay = time.Minute
		h.restart()
		store.Change(func(f *statetopictest.Faults) { f.Delay = time.Minute })
		member := call(h.Join, joinRequest("g", "", "orders")).MemberID
		join := begin(h.Join, joinRequest("g", member, "orders"))
		commit := begin(h.OffsetCommit, commitRequest("simple", "orders", 0, 1))
		stable := fetchRequest("simple", "orders", 0)
		stable.RequireStable = true
		fetch := begin(h.OffsetFetch, stable)
		h.stop()
		h.wantCode("JoinGroup", (<-join).ErrorCode, kerr.CoordinatorNotAvailable)
		h.wantCode("OffsetCommit", commitCode(<-commit), kerr.CoordinatorNotAvailable)
		<-fetch
		h.wantCode("JoinGroup", call(h.Join, joinRequest("g", member, "orders")).ErrorCode, kerr.CoordinatorNotAvailable)
		h.wantCode("Heartbeat", h.heartbeat("g", member, 1), kerr.CoordinatorNotAvailable)
		h.wantCode("OffsetCommit", commitCode(call(h.OffsetCommit, commitRequest("new", "orders", 0, 1))), kerr.CoordinatorNotAvailable)
		time.Sleep(2 * time.Minute) // late callbacks of the store find nobody
		h.start()
	})
}

func TestAGroupThatIsNotToWaitForMoreMembersBeginsAtOnce(t *testing.T) {
	inBubble(t, statetopictest.New(4), func(h *harness) {
		h.cfg.InitialRebalanceDelay, h.cfg.ImmediateGroups = time.Minute, []string{"nodes", "processor.*"}
		h.restart()
		joins := func(id string, want time.Duration) {
			t.Helper()
			member := call(h.Join, joinRequest(id, "", "orders")).MemberID
			begun := time.Now()
			joined := call(h.Join, joinRequest(id, member, "orders"))
			if took := time.Since(begun); joined.ErrorCode != 0 || took != want {
				t.Errorf("%s: joined after %v with code %d, want %v", id, took, joined.ErrorCode, want)
			}
		}
		joins("nodes", 0)
		joins("processor.a", 0)
		joins("processor", time.Minute)
		joins("others", time.Minute)
		pass(time.Hour) // nobody is left
		h.restart()
		joins("nodes", 0)
	})
}

func TestJoinIsChecked(t *testing.T) {
	inBubble(t, statetopictest.New(0), func(h *harness) {
		h.wantCode("group", call(h.Join, joinRequest("", "", "orders")).ErrorCode, kerr.InvalidGroupID)
		req := joinRequest("g", "", "orders")
		req.SessionTimeoutMillis = 5999
		h.wantCode("session", call(h.Join, req).ErrorCode, kerr.InvalidSessionTimeout)
		req.SessionTimeoutMillis = 1800001
		h.wantCode("session", call(h.Join, req).ErrorCode, kerr.InvalidSessionTimeout)
		h.wantCode("member", call(h.Join, joinRequest("g", "m", "orders")).ErrorCode, kerr.UnknownMemberID)
		req = joinRequest("g", "", "orders")
		req.Protocols = nil
		h.wantCode("protocols", call(h.Join, req).ErrorCode, kerr.InconsistentGroupProtocol)
		req.Protocols = slices.Repeat(joinRequest("g", "", "orders").Protocols, maxProtocols+1)
		h.wantCode("too many protocols", call(h.Join, req).ErrorCode, kerr.InvalidRequest)
		h.wantGroups()
	})
}

func TestListGroupsFilters(t *testing.T) {
	inBubble(t, statetopictest.New(4), func(h *harness) {
		h.stable("a", "orders")
		h.commit("b", "orders", 0, 1)
		for _, c := range []struct {
			states, types []string
			want          []string
		}{
			{nil, nil, []string{"a", "b"}},
			{[]string{"stable"}, nil, []string{"a"}},
			{[]string{"Empty", "Dead"}, nil, []string{"b"}},
			{nil, []string{"Classic"}, []string{"a", "b"}},
			{nil, []string{"consumer"}, nil},
		} {
			req := kmsg.NewPtrListGroupsRequest()
			req.Version, req.StatesFilter, req.TypesFilter = 5, c.states, c.types
			var got []string
			for _, g := range call(h.ListGroups, req).Groups {
				got = append(got, g.Group)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("states %v, types %v: %v, want %v", c.states, c.types, got, c.want)
			}
		}
	})
}

func TestDescribeGroups(t *testing.T) {
	inBubble(t, statetopictest.New(4), func(h *harness) {
		member, _ := h.stable("g", "orders")
		req := kmsg.NewPtrDescribeGroupsRequest()
		req.Version, req.Groups = 5, []string{"g", "none"}
		gs := call(h.DescribeGroups, req).Groups
		g := gs[0]
		if g.State != "Stable" || g.ProtocolType != "consumer" || g.Protocol != "range" || len(g.Members) != 1 {
			t.Errorf("%+v", g)
		}
		if m := g.Members[0]; m.MemberID != member || m.ClientID != "client" || m.ClientHost != "/127.0.0.1" || string(m.MemberAssignment) != "all" {
			t.Errorf("%+v", m)
		}
		h.wantCode("no group", gs[1].ErrorCode, nil)
		if gs[1].State != "Dead" {
			t.Errorf("state %s", gs[1].State)
		}
		req.Version = 6
		h.wantCode("no group", call(h.DescribeGroups, req).Groups[1].ErrorCode, kerr.GroupIDNotFound)
	})
}

func TestLeaveGroupVersions(t *testing.T) {
	inBubble(t, statetopictest.New(4), func(h *harness) {
		member, _ := h.stable("g", "orders")
		req := kmsg.NewPtrLeaveGroupRequest()
		req.Version, req.Group, req.MemberID = 1, "g", "stranger"
		h.wantCode("stranger", call(h.LeaveGroup, req).ErrorCode, kerr.UnknownMemberID)
		req.MemberID = member
		h.wantCode("member", call(h.LeaveGroup, req).ErrorCode, nil)
		h.wantGroups("g Empty")
		req.Version, req.Group = 3, "none"
		req.Members = []kmsg.LeaveGroupRequestMember{{MemberID: "x"}, {MemberID: "y"}}
		r := call(h.LeaveGroup, req)
		h.wantCode("group", r.ErrorCode, nil)
		if len(r.Members) != 2 || r.Members[1].ErrorCode != kerr.UnknownMemberID.Code {
			t.Errorf("%+v", r.Members)
		}
	})
}

// A group whose metadata cannot be stored is not lost, only late.
func TestAssignmentThatCannotBeStored(t *testing.T) {
	store := statetopictest.New(4)
	inBubble(t, store, func(h *harness) {
		r := call(h.Join, joinRequest("g", "", "orders"))
		r = call(h.Join, joinRequest("g", r.MemberID, "orders"))
		store.Change(func(f *statetopictest.Faults) { f.Append = errDisk })
		req := kmsg.NewPtrSyncGroupRequest()
		req.Version, req.Group, req.MemberID, req.Generation = 4, "g", r.MemberID, r.Generation
		h.wantCode("SyncGroup", call(h.SyncGroup, req).ErrorCode, kerr.CoordinatorNotAvailable)
		store.Change(func(f *statetopictest.Faults) { f.Append = nil })
		r = call(h.Join, joinRequest("g", r.MemberID, "orders"))
		req.Generation = r.Generation
		h.wantCode("SyncGroup", call(h.SyncGroup, req).ErrorCode, nil)
		h.wantGroups("g Stable")
	})
}

// Deadlines of many groups share one goroutine and each comes in time.
func TestManyGroupsKeepTheirOwnTime(t *testing.T) {
	inBubble(t, statetopictest.New(8), func(h *harness) {
		const n = 500
		for i := range n {
			time.Sleep(10 * time.Millisecond)
			h.stable(fmt.Sprintf("g%03d", i), "orders")
		}
		alive := func() int {
			req := kmsg.NewPtrListGroupsRequest()
			req.Version, req.StatesFilter = 5, []string{"Stable"}
			return len(call(h.ListGroups, req).Groups)
		}
		if got := alive(); got != n {
			t.Fatalf("%d groups are alive, want %d", got, n)
		}
		pass(10*time.Second - 10*time.Millisecond*n/2)
		if got := alive(); got < n/2-1 || got > n/2+1 {
			t.Fatalf("%d groups are alive, want %d", got, n/2)
		}
		pass(10 * time.Second)
		if got := alive(); got != 0 {
			t.Fatalf("%d groups are alive, want none", got)
		}
		synctest.Wait()
	})
}
