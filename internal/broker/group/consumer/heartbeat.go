package consumer

import (
	"math"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/group/assignor"
)

// Heartbeat is a ConsumerGroupHeartbeat. Nothing in Request is kept.
type Heartbeat struct {
	Client  Client
	Request *kmsg.ConsumerGroupHeartbeatRequest
	FreshID string // a unique member id, should one be needed
}

// unchanged is what RebalanceTimeoutMillis is when the member does not say it again.
const unchanged = -1

// CheckHeartbeat refuses what no group would accept. The error is a [Refusal].
func CheckHeartbeat(req *kmsg.ConsumerGroupHeartbeatRequest) error {
	switch {
	case req.MemberID == "" && (req.Version >= 1 || req.MemberEpoch > 0 || req.MemberEpoch == epochLeave):
		return refuse(kerr.InvalidRequest, "MemberId can't be empty.")
	case req.Group == "":
		return refuse(kerr.InvalidRequest, "GroupId can't be empty.")
	case tooLong(req.MemberID), tooLong(req.Group), req.SubscribedTopicRegex != nil && tooLong(*req.SubscribedTopicRegex):
		return refuse(kerr.InvalidRequest, "MemberId, GroupId and SubscribedTopicRegex can't have more than %d bytes.", math.MaxInt16)
	case req.InstanceID != nil && *req.InstanceID == "":
		return refuse(kerr.InvalidRequest, "InstanceId can't be empty.")
	case req.RackID != nil && *req.RackID == "":
		return refuse(kerr.InvalidRequest, "RackId can't be empty.")
	case req.MemberEpoch < epochLeaveStatic:
		return refuse(kerr.InvalidRequest, "MemberEpoch is %d, must not be less than -2.", req.MemberEpoch)
	case req.ServerAssignor != nil && assignorNamed(*req.ServerAssignor) == nil:
		return refuse(kerr.UnsupportedAssignor, "ServerAssignor %s is not supported. Supported assignors: %s, %s.",
			*req.ServerAssignor, assignor.UniformName, assignor.RangeName)
	case req.MemberEpoch == epochJoin:
		return checkFirst(req)
	}
	return nil
}

// tooLong reports whether s has no place in the key of a record.
func tooLong(s string) bool { return len(s) > math.MaxInt16 }

// checkFirst refuses a first heartbeat that does not say all that it must.
func checkFirst(req *kmsg.ConsumerGroupHeartbeatRequest) error {
	switch {
	case req.RebalanceTimeoutMillis == unchanged:
		return refuse(kerr.InvalidRequest, "RebalanceTimeoutMs must be provided in first request.")
	case req.Topics == nil || len(req.Topics) > 0:
		return refuse(kerr.InvalidRequest, "TopicPartitions must be empty when (re-)joining.")
	case req.SubscribedTopicNames == nil && req.SubscribedTopicRegex == nil:
		return refuse(kerr.InvalidRequest, "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.")
	}
	return nil
}

// Heartbeat steps the group with a request that passed [CheckHeartbeat]: the
// member joins, leaves, tells what it has given up or wants to read, and
// learns what it may read.
func (g *Group) Heartbeat(env Env, in Heartbeat) (*kmsg.ConsumerGroupHeartbeatResponse, Effects) {
	g.begin(env)
	resp := in.Request.ResponseKind().(*kmsg.ConsumerGroupHeartbeatResponse)
	var left *Downgrade
	var err error
	if in.Request.MemberEpoch < 0 {
		left, err = g.leave(in.Request, resp)
	} else {
		err = g.heartbeat(in, resp)
	}
	if err != nil {
		Refuse(resp, err)
	}
	fx := g.end()
	fx.Downgrade = left
	return resp, fx
}

// Refuse puts an error into a response.
func Refuse(resp *kmsg.ConsumerGroupHeartbeatResponse, err error) {
	resp.ErrorCode, resp.ErrorMessage = codeOf(err).Code, kmsg.StringPtr(err.Error())
}

func (g *Group) heartbeat(in Heartbeat, resp *kmsg.ConsumerGroupHeartbeatResponse) error {
	m, err := g.find(in)
	if err != nil {
		return err
	}
	said := saidBy(m, in)
	if err := g.introduce(said.regex); err != nil {
		return err
	}
	m = g.admit(m, in)
	changed := g.learn(m, said)
	g.refresh(changed)
	g.retarget()
	moved := g.reconcile(m, ownedOf(in.Request.Topics), changed)
	g.hear(m)

	resp.MemberID, resp.MemberEpoch = kmsg.StringPtr(m.id), m.epoch
	resp.HeartbeatIntervalMillis = int32(g.env.HeartbeatInterval.Milliseconds())
	if in.Request.MemberEpoch == epochJoin || isFull(in.Request) || moved {
		resp.Assignment = m.assignment()
	}
	return nil
}

// isFull reports whether the member said everything, which it does when it may
// have missed an answer.
func isFull(req *kmsg.ConsumerGroupHeartbeatRequest) bool {
	return req.RebalanceTimeoutMillis != unchanged && req.Topics != nil &&
		(req.SubscribedTopicNames != nil || req.SubscribedTopicRegex != nil)
}

// said is what a member says of itself, with what it said before where it
// says nothing.
type said struct {
	instanceID, rackID, assignor string
	client                       Client
	rebalance                    time.Duration
	names                        []string
	regex                        string
	classic                      *Classic
}

// saidBy is what a heartbeat says, with what is known of m, if it is not nil.
func saidBy(m *member, in Heartbeat) said {
	s := said{client: in.Client, rebalance: unchanged * time.Millisecond}
	if m != nil {
		s.instanceID, s.rackID, s.assignor, s.rebalance = m.instanceID, m.rackID, m.assignor, m.rebalance
		s.names, s.regex = m.reads.names, m.reads.regex
	}
	req := in.Request
	replaceBy(&s.instanceID, req.InstanceID)
	replaceBy(&s.rackID, req.RackID)
	replaceBy(&s.assignor, req.ServerAssignor)
	replaceBy(&s.regex, req.SubscribedTopicRegex)
	if req.RebalanceTimeoutMillis != unchanged {
		s.rebalance = millis(req.RebalanceTimeoutMillis)
	}
	if req.SubscribedTopicNames != nil {
		s.names = normalized(req.SubscribedTopicNames)
	}
	return s
}

func replaceBy(value *string, to *string) {
	if to != nil {
		*value = strings.Clone(*to)
	}
}

func millis(ms int32) time.Duration { return time.Duration(ms) * time.Millisecond }
