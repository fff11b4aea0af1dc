package share

import (
	"errors"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/group/consumer"
)

// Epochs with a meaning of their own.
const (
	epochJoin  = 0
	epochLeave = -1
)

// maxMemberID is how long a member's id may be (KIP-932: a UUID).
const maxMemberID = 36

func refuse(code *kerr.Error, message string) error {
	return &consumer.Refusal{Code: code, Message: message}
}

// CheckHeartbeat refuses what no group would accept. The error is a
// [consumer.Refusal].
func CheckHeartbeat(req *kmsg.ShareGroupHeartbeatRequest) error {
	switch {
	case strings.TrimSpace(req.MemberID) == "":
		return refuse(kerr.InvalidRequest, "MemberId can't be empty.")
	case len(req.MemberID) > maxMemberID:
		return refuse(kerr.InvalidRequest, "MemberId can't have more than 36 characters.")
	case strings.TrimSpace(req.GroupID) == "":
		return refuse(kerr.InvalidRequest, "GroupId can't be empty.")
	case len(req.GroupID) > 1<<15-1:
		return refuse(kerr.InvalidRequest, "GroupId can't have more than 32767 bytes.")
	case req.RackID != nil && strings.TrimSpace(*req.RackID) == "":
		return refuse(kerr.InvalidRequest, "RackId can't be empty.")
	case req.MemberEpoch < epochLeave:
		return refuse(kerr.InvalidRequest, "MemberEpoch must not be less than -1.")
	case req.MemberEpoch == epochJoin && len(req.SubscribedTopicNames) == 0:
		return refuse(kerr.InvalidRequest, "SubscribedTopicNames must be set in first request.")
	}
	return nil
}

// codeOf is the code of Kafka's error that err is or wraps.
func codeOf(err error) int16 {
	code := kerr.UnknownServerError
	errors.As(err, &code)
	return code.Code
}

// Refuse puts an error into a response.
func Refuse(resp *kmsg.ShareGroupHeartbeatResponse, err error) {
	resp.ErrorCode, resp.ErrorMessage = codeOf(err), kmsg.StringPtr(err.Error())
}

// Heartbeat steps the group with a request that passed [CheckHeartbeat], and for
// which the group has begun with all that [Group.Beginnings] asks for. Nothing of
// the request is kept.
func (g *Group) Heartbeat(env Env, client consumer.Client, req *kmsg.ShareGroupHeartbeatRequest) (*kmsg.ShareGroupHeartbeatResponse, Effects) {
	g.begin(env)
	resp := req.ResponseKind().(*kmsg.ShareGroupHeartbeatResponse)
	var err error
	if req.MemberEpoch == epochLeave {
		err = g.leave(req, resp)
	} else {
		err = g.heartbeat(client, req, resp)
	}
	if err != nil {
		Refuse(resp, err)
	}
	return resp, g.end()
}

func (g *Group) leave(req *kmsg.ShareGroupHeartbeatRequest, resp *kmsg.ShareGroupHeartbeatResponse) error {
	m := g.members[req.MemberID]
	if m == nil {
		return g.unknown(req.MemberID)
	}
	g.remove(m, true)
	g.rearm()
	resp.MemberID, resp.MemberEpoch = kmsg.StringPtr(m.id), epochLeave
	return nil
}

func (g *Group) unknown(member string) error {
	return refuse(kerr.UnknownMemberID, "Member "+member+" is not a member of group "+g.id+".")
}

func (g *Group) heartbeat(client consumer.Client, req *kmsg.ShareGroupHeartbeatRequest, resp *kmsg.ShareGroupHeartbeatResponse) error {
	m, err := g.find(req)
	if err != nil {
		return err
	}
	changed := g.learn(m, client, req)
	g.refresh(changed)
	g.retarget()
	moved := g.reconcile(m)
	g.hear(m)
	resp.MemberID, resp.MemberEpoch = kmsg.StringPtr(m.id), m.epoch
	resp.HeartbeatIntervalMillis = int32(g.env.HeartbeatInterval.Milliseconds())
	if req.MemberEpoch == epochJoin || req.SubscribedTopicNames != nil || moved {
		resp.Assignment = m.assignment()
	}
	return nil
}

// find returns the sender, who becomes a member if it wants to. It may say the
// epoch before the last, if it missed the last answer.
func (g *Group) find(req *kmsg.ShareGroupHeartbeatRequest) (*member, error) {
	m := g.members[req.MemberID]
	switch {
	case m == nil && req.MemberEpoch != epochJoin:
		return nil, g.unknown(req.MemberID)
	case m == nil && len(g.members) >= g.cfg.MaxSize:
		return nil, refuse(kerr.GroupMaxSizeReached, "The share group has reached its maximum capacity.")
	case m == nil:
		m = &member{id: strings.Clone(req.MemberID)}
		g.members[m.id] = m
	case req.MemberEpoch != epochJoin && req.MemberEpoch != m.epoch && req.MemberEpoch != m.previous:
		return nil, refuse(kerr.FencedMemberEpoch, "The share group member has an epoch that is neither its last nor the one before.")
	}
	return m, nil
}

// learn takes over what m says of itself. It reports whether it wants other
// topics than before.
func (g *Group) learn(m *member, client consumer.Client, req *kmsg.ShareGroupHeartbeatRequest) (changed bool) {
	next := *m
	next.client = client
	if req.RackID != nil {
		next.rackID = strings.Clone(*req.RackID)
	}
	if req.SubscribedTopicNames != nil {
		next.wants = normalized(req.SubscribedTopicNames)
	}
	changed = m.wants == nil || !slices.Equal(m.wants, next.wants)
	if changed || m.client != next.client || m.rackID != next.rackID {
		*m = next
		g.put(memberRecord(g.id, m))
	}
	return changed
}

// reconcile brings m to its target. It reports whether that is news to it.
func (g *Group) reconcile(m *member) bool {
	if m.epoch == g.targetEpoch && m.assigned.same(m.target) {
		return false
	}
	m.previous, m.epoch, m.assigned = m.epoch, g.targetEpoch, m.target
	g.put(currentRecord(g.id, m))
	return true
}

// assignment is what the member's answer says.
func (m *member) assignment() *kmsg.ShareGroupHeartbeatResponseAssignment {
	a := kmsg.NewShareGroupHeartbeatResponseAssignment()
	a.TopicPartitions = []kmsg.ShareGroupHeartbeatResponseAssignmentTopicPartition{} // not null
	for _, id := range m.assigned.topics() {
		t := kmsg.NewShareGroupHeartbeatResponseAssignmentTopicPartition()
		t.TopicID, t.Partitions = id, m.assigned[id]
		a.TopicPartitions = append(a.TopicPartitions, t)
	}
	return &a
}
