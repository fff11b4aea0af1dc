package conformance

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// classic is a member of a classic group, over a connection of its own.
type classic struct {
	*conn
	group, id, instance string
	generation          int32
}

func newMember(t *testing.T, group string) *classic {
	t.Helper()
	return &classic{conn: dial(t, coordinator(t, 0, group)), group: group}
}

func (m *classic) joinRequest(protocols ...string) *kmsg.JoinGroupRequest {
	req := kmsg.NewPtrJoinGroupRequest()
	req.Group, req.MemberID, req.ProtocolType = m.group, m.id, "test"
	req.SessionTimeoutMillis, req.RebalanceTimeoutMillis = 10_000, 10_000
	if m.instance != "" {
		req.InstanceID = &m.instance
	}
	for _, name := range protocols {
		req.Protocols = append(req.Protocols, kmsg.JoinGroupRequestProtocol{Name: name, Metadata: []byte("m of " + name)})
	}
	return req
}

// named gets the member its id.
func (m *classic) named(protocols ...string) {
	m.t.Helper()
	eventually(m.t, func() error {
		resp := m.do(m.joinRequest(protocols...), 9).(*kmsg.JoinGroupResponse)
		m.id = resp.MemberID
		if resp.ErrorCode != kerr.MemberIDRequired.Code {
			return fmt.Errorf("the first join: %s", codeName(resp.ErrorCode))
		}
		return nil
	})
}

// joined reads the answer to a join that was sent.
func (m *classic) joined(req *kmsg.JoinGroupRequest) *kmsg.JoinGroupResponse {
	m.t.Helper()
	resp := m.receive(req).(*kmsg.JoinGroupResponse)
	if resp.ErrorCode == 0 {
		m.id, m.generation = resp.MemberID, resp.Generation
	}
	return resp
}

func (m *classic) syncRequest(assignments map[string]string) *kmsg.SyncGroupRequest {
	req := kmsg.NewPtrSyncGroupRequest()
	req.Group, req.MemberID, req.Generation = m.group, m.id, m.generation
	if m.instance != "" {
		req.InstanceID = &m.instance
	}
	for id, a := range assignments {
		req.GroupAssignment = append(req.GroupAssignment, kmsg.SyncGroupRequestGroupAssignment{MemberID: id, MemberAssignment: []byte(a)})
	}
	return req
}

func (m *classic) heartbeat() int16 {
	m.t.Helper()
	req := kmsg.NewPtrHeartbeatRequest()
	req.Group, req.MemberID, req.Generation = m.group, m.id, m.generation
	if m.instance != "" {
		req.InstanceID = &m.instance
	}
	return m.do(req, 4).(*kmsg.HeartbeatResponse).ErrorCode
}

func (m *classic) commit(topic string, offset int64) int16 {
	m.t.Helper()
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Group, req.MemberID, req.Generation = m.group, m.id, m.generation
	rp := kmsg.NewOffsetCommitRequestTopicPartition()
	rp.Offset = offset
	req.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: topic, Partitions: []kmsg.OffsetCommitRequestTopicPartition{rp}}}
	return m.do(req, 8).(*kmsg.OffsetCommitResponse).Topics[0].Partitions[0].ErrorCode
}

func (m *classic) leave() int16 {
	m.t.Helper()
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Group = m.group
	rm := kmsg.NewLeaveGroupRequestMember()
	rm.MemberID = m.id
	req.Members = append(req.Members, rm)
	resp := m.do(req, 4).(*kmsg.LeaveGroupResponse)
	if len(resp.Members) == 1 {
		return resp.Members[0].ErrorCode
	}
	return resp.ErrorCode
}

func (m *classic) describe() kmsg.DescribeGroupsResponseGroup {
	m.t.Helper()
	req := kmsg.NewPtrDescribeGroupsRequest()
	req.Groups = []string{m.group}
	return m.do(req, 5).(*kmsg.DescribeGroupsResponse).Groups[0]
}

// alone makes a stable group of one member.
func alone(t *testing.T, protocols ...string) *classic {
	t.Helper()
	if len(protocols) == 0 {
		protocols = []string{"p"}
	}
	m := newMember(t, name(t, "group"))
	m.named(protocols...)
	req := m.joinRequest(protocols...)
	m.send(req, 9)
	if resp := m.joined(req); resp.ErrorCode != 0 || resp.LeaderID != m.id || len(resp.Members) != 1 {
		t.Fatalf("join: %+v", resp)
	}
	sync := m.do(m.syncRequest(map[string]string{m.id: "all"}), 4).(*kmsg.SyncGroupResponse)
	if sync.ErrorCode != 0 || string(sync.MemberAssignment) != "all" {
		t.Fatalf("sync: %+v", sync)
	}
	return m
}

func TestAMemberAlone(t *testing.T) {
	m := alone(t)
	if m.generation != 1 {
		t.Errorf("the first generation is %d", m.generation)
	}
	wantCode(t, "heartbeat", m.heartbeat(), nil)
	d := m.describe()
	if d.State != "Stable" || d.ProtocolType != "test" || d.Protocol != "p" || len(d.Members) != 1 ||
		string(d.Members[0].MemberAssignment) != "all" || string(d.Members[0].ProtocolMetadata) != "m of p" || d.Members[0].ClientID != "conformance" {
		t.Errorf("%+v", d)
	}
	m.generation++
	wantCode(t, "heartbeat of a generation of the future", m.heartbeat(), kerr.IllegalGeneration)
	wantCode(t, "sync of a generation of the future", m.do(m.syncRequest(nil), 4).(*kmsg.SyncGroupResponse).ErrorCode, kerr.IllegalGeneration)
	m.generation--
	wantCode(t, "leave", m.leave(), nil)
	wantCode(t, "heartbeat of one who has left", m.heartbeat(), kerr.UnknownMemberID)
	if d := m.describe(); d.State != "Empty" || len(d.Members) != 0 {
		t.Errorf("%+v", d)
	}
}

func TestASecondMemberMakesTheFirstJoinAgain(t *testing.T) {
	first := alone(t, "p", "q")
	second := newMember(t, first.group)
	second.named("q", "r")
	req := second.joinRequest("q", "r")
	second.send(req, 9)
	eventually(t, func() error {
		if got := first.heartbeat(); got != kerr.RebalanceInProgress.Code {
			return fmt.Errorf("heartbeat while another joins: %s", codeName(got))
		}
		return nil
	})
	again := first.joinRequest("p", "q")
	first.send(again, 9)
	lead, follow := first.joined(again), second.joined(req)
	if lead.ErrorCode != 0 || lead.Generation != 2 || lead.LeaderID != first.id || *lead.Protocol != "q" || len(lead.Members) != 2 {
		t.Fatalf("the leader: %+v", lead)
	}
	if follow.ErrorCode != 0 || follow.Generation != 2 || follow.LeaderID != first.id || len(follow.Members) != 0 {
		t.Fatalf("the other: %+v", follow)
	}
	waits := second.syncRequest(nil)
	second.send(waits, 4)
	sync := first.do(first.syncRequest(map[string]string{first.id: "one", second.id: "two"}), 4).(*kmsg.SyncGroupResponse)
	other := second.receive(waits).(*kmsg.SyncGroupResponse)
	if string(sync.MemberAssignment) != "one" || string(other.MemberAssignment) != "two" {
		t.Errorf("assignments %q and %q", sync.MemberAssignment, other.MemberAssignment)
	}
	topic := newTopic(t, 1)
	wantCode(t, "commit", second.commit(topic, 5), nil)
	second.generation = 1
	wantCode(t, "commit of the generation before", second.commit(topic, 6), kerr.IllegalGeneration)
	second.generation = 2
	wantCode(t, "leave", second.leave(), nil)
	wantCode(t, "heartbeat after another has left", first.heartbeat(), kerr.RebalanceInProgress)
}

func TestProtocolsThatNobodyElseHasAreRefused(t *testing.T) {
	first := alone(t, "p")
	second := newMember(t, first.group)
	resp := second.do(second.joinRequest("q"), 9).(*kmsg.JoinGroupResponse)
	wantCode(t, "another protocol", resp.ErrorCode, kerr.InconsistentGroupProtocol)
	req := second.joinRequest("p")
	req.ProtocolType = "other"
	wantCode(t, "another kind of protocol", second.do(req, 9).(*kmsg.JoinGroupResponse).ErrorCode, kerr.InconsistentGroupProtocol)
	wantCode(t, "the first goes on", first.heartbeat(), nil)
}

func TestAMemberThatIsSilentIsRemoved(t *testing.T) {
	m := newMember(t, name(t, "group"))
	m.named("p")
	req := m.joinRequest("p")
	req.SessionTimeoutMillis = 6000
	m.send(req, 9)
	m.joined(req)
	m.do(m.syncRequest(map[string]string{m.id: "all"}), 4)
	eventually(t, func() error {
		if d := m.describe(); d.State != "Empty" {
			return fmt.Errorf("the group is %s", d.State)
		}
		return nil
	})
	wantCode(t, "heartbeat", m.heartbeat(), kerr.UnknownMemberID)
}

// KIP-345: the later of two with one instance id has its place, the earlier
// is fenced.
func TestTheLaterOfTwoWithOneInstanceIDHasThePlace(t *testing.T) {
	first := newMember(t, name(t, "group"))
	first.instance = "instance"
	var resp *kmsg.JoinGroupResponse
	eventually(t, func() error {
		resp = first.do(first.joinRequest("p"), 9).(*kmsg.JoinGroupResponse)
		return code(resp.ErrorCode)
	})
	first.id, first.generation = resp.MemberID, resp.Generation
	if sync := first.do(first.syncRequest(map[string]string{first.id: "all"}), 4).(*kmsg.SyncGroupResponse); string(sync.MemberAssignment) != "all" {
		t.Fatalf("%+v", sync)
	}
	second := newMember(t, first.group)
	second.instance = "instance"
	resp = second.do(second.joinRequest("p"), 9).(*kmsg.JoinGroupResponse)
	second.id, second.generation = resp.MemberID, resp.Generation
	if resp.ErrorCode != 0 || resp.Generation != first.generation || second.id == first.id {
		t.Fatalf("the second: %+v", resp)
	}
	if sync := second.do(second.syncRequest(nil), 4).(*kmsg.SyncGroupResponse); string(sync.MemberAssignment) != "all" {
		t.Errorf("the second is assigned %q, %s", sync.MemberAssignment, codeName(sync.ErrorCode))
	}
	wantCode(t, "heartbeat of the first", first.heartbeat(), kerr.FencedInstanceID)
	wantCode(t, "heartbeat of the second", second.heartbeat(), nil)
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Group = first.group
	rm := kmsg.NewLeaveGroupRequestMember()
	rm.InstanceID = &first.instance
	req.Members = append(req.Members, rm)
	left := first.do(req, 4).(*kmsg.LeaveGroupResponse) // by anybody, by the instance id alone
	wantCode(t, "leave by instance id", left.Members[0].ErrorCode, nil)
	wantCode(t, "heartbeat of the second after it", second.heartbeat(), kerr.UnknownMemberID)
}

func TestMetadataOfOffsetsHasALimit(t *testing.T) {
	topic := newTopic(t, 1)
	m := alone(t)
	commit := func(metadata string) int16 {
		req := kmsg.NewPtrOffsetCommitRequest()
		req.Group, req.MemberID, req.Generation = m.group, m.id, m.generation
		rp := kmsg.NewOffsetCommitRequestTopicPartition()
		rp.Metadata = &metadata
		req.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: topic, Partitions: []kmsg.OffsetCommitRequestTopicPartition{rp}}}
		return m.do(req, 8).(*kmsg.OffsetCommitResponse).Topics[0].Partitions[0].ErrorCode
	}
	wantCode(t, "4096 bytes", commit(strings.Repeat("x", 4096)), nil)
	wantCode(t, "4097 bytes", commit(strings.Repeat("x", 4097)), kerr.OffsetMetadataTooLarge)
}

func TestAGroupWithMembersIsKept(t *testing.T) {
	m := alone(t)
	req := kmsg.NewPtrDeleteGroupsRequest()
	req.Groups = []string{m.group}
	wantCode(t, "delete", m.do(req, 2).(*kmsg.DeleteGroupsResponse).Groups[0].ErrorCode, kerr.NonEmptyGroup)
	wantCode(t, "leave", m.leave(), nil)
	wantCode(t, "delete", m.do(req, 2).(*kmsg.DeleteGroupsResponse).Groups[0].ErrorCode, nil)
	wantCode(t, "delete again", m.do(req, 2).(*kmsg.DeleteGroupsResponse).Groups[0].ErrorCode, kerr.GroupIDNotFound)
}

func TestGroupsAreListedByStateAndType(t *testing.T) {
	m := alone(t)
	for _, l := range []struct {
		states, types []string
		want          bool
	}{
		{nil, nil, true}, {[]string{"Stable"}, nil, true}, {[]string{"stable"}, nil, true}, {[]string{"Empty"}, nil, false},
		{nil, []string{"classic"}, true}, {nil, []string{"Consumer"}, false}, {[]string{"Stable", "Empty"}, []string{"Classic", "share"}, true},
	} {
		req := kmsg.NewPtrListGroupsRequest()
		req.StatesFilter, req.TypesFilter = l.states, l.types
		found := false
		for _, g := range m.do(req, 5).(*kmsg.ListGroupsResponse).Groups {
			if g.Group == m.group {
				found = true
				if g.ProtocolType != "test" || g.GroupState != "Stable" || g.GroupType != "classic" {
					t.Errorf("%+v", g)
				}
			}
		}
		if found != l.want {
			t.Errorf("states %v, types %v: listed %v", l.states, l.types, found)
		}
	}
}

func TestARebalanceDoesNotWaitForTheSilentForever(t *testing.T) {
	first := newMember(t, name(t, "group"))
	first.named("p")
	req := first.joinRequest("p")
	req.RebalanceTimeoutMillis = 1000
	first.send(req, 9)
	first.joined(req)
	first.do(first.syncRequest(map[string]string{first.id: "all"}), 4)
	second := newMember(t, first.group)
	second.named("p")
	join := second.joinRequest("p")
	join.RebalanceTimeoutMillis = 1000
	began := time.Now()
	second.send(join, 9)
	resp := second.joined(join) // the first does not join again
	if resp.ErrorCode != 0 || resp.LeaderID != second.id || len(resp.Members) != 1 {
		t.Fatalf("%+v", resp)
	}
	if took := time.Since(began); took < 900*time.Millisecond || took > 30*time.Second {
		t.Errorf("it took %s", took)
	}
	wantCode(t, "heartbeat of the first", first.heartbeat(), kerr.UnknownMemberID)
}
