package group

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/statetopic/statetopictest"
)

// reader is a consumer of either protocol, as simple as it can be. It reads
// what it is told to, and says when two read the same.
type reader struct {
	h     *harness
	id    string
	stop  chan struct{}
	desk  *desk
	holds []int32
}

// desk knows who reads which partition of the one topic.
type desk struct {
	mu      sync.Mutex
	t       *testing.T
	readers map[int32]string
}

// switchTo has the reader read something else.
func (r *reader) switchTo(partitions []int32) {
	r.desk.mu.Lock()
	defer r.desk.mu.Unlock()
	for _, p := range r.holds {
		delete(r.desk.readers, p)
	}
	r.holds = slices.Clone(partitions)
	for _, p := range r.holds {
		if other, ok := r.desk.readers[p]; ok {
			r.desk.t.Errorf("partition %d is read by %s and %s", p, other, r.id)
		}
		r.desk.readers[p] = r.id
	}
}

func (r *reader) wait(d time.Duration) bool {
	select {
	case <-r.stop:
		return false
	case <-time.After(d):
		return true
	}
}

// newProtocol consumes with heartbeats that say all, each time.
func (r *reader) newProtocol() {
	epoch := int32(0)
	for r.wait(time.Second) {
		req := hello("g", r.id, "orders")
		if req.MemberEpoch = epoch; epoch != 0 && len(r.holds) > 0 {
			id, _, _ := r.h.topics.TopicByName("orders")
			req.Topics = append(req.Topics, kmsg.ConsumerGroupHeartbeatRequestTopic{TopicID: id, Partitions: r.holds})
		}
		resp := call(r.h.ConsumerGroupHeartbeat, req)
		switch resp.ErrorCode {
		case 0:
			epoch = resp.MemberEpoch
			r.switchTo(assigned(resp))
		case kerr.UnknownMemberID.Code, kerr.FencedMemberEpoch.Code, kerr.GroupIDNotFound.Code:
			epoch = 0
			r.switchTo(nil)
		case kerr.CoordinatorNotAvailable.Code:
		default:
			r.desk.t.Errorf("%s: %v", r.id, kerr.ErrorForCode(resp.ErrorCode))
		}
	}
	r.switchTo(nil)
	for call(r.h.ConsumerGroupHeartbeat, again("g", r.id, -1)).ErrorCode == kerr.CoordinatorNotAvailable.Code {
		time.Sleep(time.Second)
	}
}

func assigned(resp *kmsg.ConsumerGroupHeartbeatResponse) []int32 {
	var ps []int32
	for _, t := range resp.Assignment.Topics {
		ps = append(ps, t.Partitions...)
	}
	return ps
}

// oldProtocol consumes with the eager classic protocol: it stops reading before
// it joins again.
func (r *reader) oldProtocol() {
	member := ""
	for r.wait(100 * time.Millisecond) {
		r.switchTo(nil)
		resp := call(r.h.Join, joinRequest("g", member, "orders"))
		switch resp.ErrorCode {
		case 0, kerr.MemberIDRequired.Code:
			member = resp.MemberID
		case kerr.UnknownMemberID.Code:
			member = ""
		}
		if resp.ErrorCode == 0 && r.sync(member, resp) {
			for r.h.heartbeat("g", member, resp.Generation) == 0 && r.wait(time.Second) {
			}
		}
	}
	r.switchTo(nil)
	leave := kmsg.NewPtrLeaveGroupRequest()
	leave.Version, leave.Group, leave.Members = 5, "g", []kmsg.LeaveGroupRequestMember{{MemberID: member}}
	call(r.h.LeaveGroup, leave)
}

func (r *reader) sync(member string, joined *kmsg.JoinGroupResponse) bool {
	req := kmsg.NewPtrSyncGroupRequest()
	req.Version, req.Group, req.MemberID, req.Generation = 4, "g", member, joined.Generation
	for i, m := range joined.Members { // it leads a classic group
		a := kmsg.NewConsumerMemberAssignment()
		t := kmsg.NewConsumerMemberAssignmentTopic()
		t.Topic = "orders"
		for p := i; p < 10; p += len(joined.Members) {
			t.Partitions = append(t.Partitions, int32(p))
		}
		a.Topics = append(a.Topics, t)
		req.GroupAssignment = append(req.GroupAssignment, kmsg.SyncGroupRequestGroupAssignment{MemberID: m.MemberID, MemberAssignment: a.AppendTo(nil)})
	}
	resp := call(r.h.SyncGroup, req)
	if resp.ErrorCode != 0 {
		return false
	}
	a := kmsg.NewConsumerMemberAssignment()
	if err := a.ReadFrom(resp.MemberAssignment); err != nil {
		r.desk.t.Errorf("%s: assignment %q: %v", r.id, resp.MemberAssignment, err)
	}
	var ps []int32
	for _, t := range a.Topics {
		ps = append(ps, t.Partitions...)
	}
	r.switchTo(ps)
	return true
}

// Consumers of both protocols come and go at random, on a disk that is slow and
// sometimes fails; no partition is read by two, and when things calm down each
// is read by one.
func TestMixedConsumersConverge(t *testing.T) {
	for seed := range uint64(5) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { mixedConsumers(t, rand.New(rand.NewPCG(seed, 4))) })
	}
}

func mixedConsumers(t *testing.T, random *rand.Rand) {
	store := statetopictest.New(4)
	inBubble(t, store, func(h *harness) {
		store.Change(func(f *statetopictest.Faults) { f.Delay = 5 * time.Millisecond })
		d := &desk{t: t, readers: map[int32]string{}}
		var all sync.WaitGroup
		var alive []*reader
		for i := range 80 {
			if len(alive) > 0 && random.IntN(2) == 0 {
				n := random.IntN(len(alive))
				close(alive[n].stop)
				alive = slices.Delete(alive, n, n+1)
			} else {
				r := &reader{h: h, id: fmt.Sprint("r", i), stop: make(chan struct{}), desk: d}
				alive = append(alive, r)
				all.Go([]func(){r.newProtocol, r.oldProtocol}[random.IntN(2)])
			}
			store.Change(func(f *statetopictest.Faults) {
				f.Append = nil
				if i%9 == 5 {
					f.Append = errDisk
				}
			})
			pass(time.Duration(random.IntN(8000)) * time.Millisecond)
		}
		store.Change(func(f *statetopictest.Faults) { f.Append = nil })
		pass(2 * time.Minute)
		if len(alive) > 0 && len(d.readers) != 10 {
			t.Errorf("%d consumers read %v", len(alive), d.readers)
		}
		for _, r := range alive {
			close(r.stop)
		}
		all.Wait()
		synctest.Wait()
		pass(time.Minute)
		h.wantGroups("g Empty")
		h.restart()
		h.wantGroups("g Empty")
	})
}
