package group

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/statetopic/statetopictest"
)

// message is a request or a response.
type message interface {
	SetVersion(int16)
	AppendTo([]byte) []byte
	ReadFrom([]byte) error
}

// wired returns a method that is called as a client of the given version
// would call it over a connection: with a request that was decoded from a
// buffer that is used again at once, and whose response is encoded and decoded.
func wired[Req, Resp message](t testing.TB, version int16, f func(ClientInfo, Req, func(Resp)), newReq func() Req, newResp func() Resp) func(Req) Resp {
	return func(req Req) Resp {
		t.Helper()
		req.SetVersion(version)
		buffer := req.AppendTo(nil)
		decoded := newReq()
		decoded.SetVersion(version)
		if err := decoded.ReadFrom(buffer); err != nil {
			t.Fatal(err)
		}
		answer := newResp()
		answer.SetVersion(version)
		reply := make(chan error, 1)
		f(someone, decoded, func(resp Resp) {
			reply <- answer.ReadFrom(resp.AppendTo(nil))
		})
		for i := range buffer {
			buffer[i] = '#'
		}
		if err := <-reply; err != nil {
			t.Fatal(err)
		}
		return answer
	}
}

// A consumer's life, in every combination of versions that goes together.
func TestEveryVersionIsAnswered(t *testing.T) {
	for v := range int16(10) {
		t.Run(fmt.Sprint("JoinGroup ", v), func(t *testing.T) {
			inBubble(t, statetopictest.New(0), func(h *harness) { liveInVersion(h, v) })
		})
	}
}

func liveInVersion(h *harness, v int16) {
	t := h.t
	join := wired(t, v, h.Join, kmsg.NewPtrJoinGroupRequest, kmsg.NewPtrJoinGroupResponse)
	j := join(joinRequest("g", "", "orders"))
	if v >= 4 {
		j = join(joinRequest("g", j.MemberID, "orders"))
	}
	h.wantCode("JoinGroup", j.ErrorCode, nil)
	metadata := joinRequest("", "", "orders").Protocols[0].Metadata
	if j.LeaderID != j.MemberID || *j.Protocol != "range" || len(j.Members) != 1 ||
		!bytes.Equal(j.Members[0].ProtocolMetadata, metadata) {
		t.Fatalf("JoinGroup: %+v", j)
	}

	sync := wired(t, min(v, 5), h.SyncGroup, kmsg.NewPtrSyncGroupRequest, kmsg.NewPtrSyncGroupResponse)
	sr := kmsg.NewPtrSyncGroupRequest()
	sr.Group, sr.MemberID, sr.Generation = "g", j.MemberID, j.Generation
	sr.ProtocolType, sr.Protocol = kmsg.StringPtr("consumer"), kmsg.StringPtr("range")
	sr.GroupAssignment = []kmsg.SyncGroupRequestGroupAssignment{{MemberID: j.MemberID, MemberAssignment: []byte("all")}}
	if s := sync(sr); s.ErrorCode != 0 || string(s.MemberAssignment) != "all" {
		t.Fatalf("SyncGroup: %+v", s)
	}

	heartbeat := wired(t, min(v, 4), h.Heartbeat, kmsg.NewPtrHeartbeatRequest, kmsg.NewPtrHeartbeatResponse)
	h.wantCode("Heartbeat", heartbeat(heartbeatRequest("g", j.MemberID, j.Generation)).ErrorCode, nil)

	commitInVersion(h, v, j)
	describeInVersion(h, v, j.MemberID)

	leave := wired(t, min(v, 5), h.LeaveGroup, kmsg.NewPtrLeaveGroupRequest, kmsg.NewPtrLeaveGroupResponse)
	lr := kmsg.NewPtrLeaveGroupRequest()
	lr.Group, lr.MemberID = "g", j.MemberID
	lr.Members = []kmsg.LeaveGroupRequestMember{{MemberID: j.MemberID}}
	h.wantCode("LeaveGroup", leave(lr).ErrorCode, nil)

	remove := wired(t, min(v, 2), h.DeleteGroups, kmsg.NewPtrDeleteGroupsRequest, kmsg.NewPtrDeleteGroupsResponse)
	h.wantCode("DeleteGroups", remove(deleteRequest("g")).Groups[0].ErrorCode, nil)
	h.wantGroups()
}

// commitInVersion commits with version v+1 (there are 2 to 10) and fetches
// with v+1 (there are 1 to 10).
func commitInVersion(h *harness, v int16, j *kmsg.JoinGroupResponse) {
	t, id := h.t, h.topics.topics["orders"].id
	commit := wired(t, max(v+1, 2), h.OffsetCommit, kmsg.NewPtrOffsetCommitRequest, kmsg.NewPtrOffsetCommitResponse)
	cr := commitRequest("g", "orders", 1, 5)
	cr.MemberID, cr.Generation, cr.Topics[0].TopicID = j.MemberID, j.Generation, id
	h.wantCode("OffsetCommit", commitCode(commit(cr)), nil)

	fetch := wired(t, v+1, h.OffsetFetch, kmsg.NewPtrOffsetFetchRequest, kmsg.NewPtrOffsetFetchResponse)
	fr := fetchRequest("g", "orders", 1)
	fr.Groups[0].Topics[0].TopicID = id
	fr.Group = "g"
	fr.Topics = []kmsg.OffsetFetchRequestTopic{{Topic: "orders", Partitions: []int32{1}}}
	f := fetch(fr)
	offset := int64(-1)
	if v+1 >= 8 {
		offset = f.Groups[0].Topics[0].Partitions[0].Offset
	} else {
		offset = f.Topics[0].Partitions[0].Offset
	}
	if offset != 5 {
		t.Fatalf("OffsetFetch: %+v", f)
	}
}

func describeInVersion(h *harness, v int16, member string) {
	t := h.t
	list := wired(t, min(v, 5), h.ListGroups, kmsg.NewPtrListGroupsRequest, kmsg.NewPtrListGroupsResponse)
	if l := list(kmsg.NewPtrListGroupsRequest()); len(l.Groups) != 1 || l.Groups[0].Group != "g" {
		t.Fatalf("ListGroups: %+v", l)
	}
	describe := wired(t, min(v, 6), h.DescribeGroups, kmsg.NewPtrDescribeGroupsRequest, kmsg.NewPtrDescribeGroupsResponse)
	dr := kmsg.NewPtrDescribeGroupsRequest()
	dr.Groups = []string{"g"}
	if d := describe(dr).Groups[0]; d.State != "Stable" || len(d.Members) != 1 || d.Members[0].MemberID != member {
		t.Fatalf("DescribeGroups: %+v", d)
	}
	remove := wired(t, 0, h.OffsetDelete, kmsg.NewPtrOffsetDeleteRequest, kmsg.NewPtrOffsetDeleteResponse)
	or := kmsg.NewPtrOffsetDeleteRequest()
	or.Group = "g"
	or.Topics = []kmsg.OffsetDeleteRequestTopic{{Topic: "payments", Partitions: []kmsg.OffsetDeleteRequestTopicPartition{{Partition: 1}}}}
	if o := remove(or); o.ErrorCode != 0 || o.Topics[0].Partitions[0].ErrorCode != 0 {
		t.Fatalf("OffsetDelete: %+v", o)
	}
}
