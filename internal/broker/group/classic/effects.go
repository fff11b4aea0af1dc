package classic

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Ticket names a JoinGroup or SyncGroup that awaits its reply. The owner picks
// tickets, unique within a group and not zero; the group answers each once.
type Ticket uint64

// Effects are what the owner of a group must do after a step.
type Effects struct {
	Joins  []JoinReply
	Syncs  []SyncReply
	Writes []*Write // in this order, before those of later steps
}

// JoinReply answers the JoinGroup that came with Ticket.
type JoinReply struct {
	Ticket   Ticket
	Response *kmsg.JoinGroupResponse
}

// SyncReply answers the SyncGroup that came with Ticket.
type SyncReply struct {
	Ticket   Ticket
	Response *kmsg.SyncGroupResponse
}

// Write is group metadata to be made durable. The owner stores Value and hands
// the Write back to [Group.Persisted] when that has succeeded or failed.
type Write struct {
	Value *kmsg.GroupMetadataValue

	generation int32
	purpose    purpose
	member     string // static member that waits for its reply (purpose: replacement)
	oldLeader  string // leader before that member was replaced
	version    int16  // of that member's JoinGroup
}

// purpose says what waits for a Write.
type purpose int8

const (
	recordOnly  purpose = iota // nothing waits
	assignment                 // the members wait for their assignments
	replacement                // a restarted static member waits for its JoinGroup reply
)

func (g *Group) replyJoin(m *member, r *kmsg.JoinGroupResponse) {
	if m.join == 0 {
		return
	}
	g.fx.Joins = append(g.fx.Joins, JoinReply{m.join, r})
	m.join = 0
}

func (g *Group) replySync(m *member, r *kmsg.SyncGroupResponse) {
	if m.sync == 0 {
		return
	}
	g.fx.Syncs = append(g.fx.Syncs, SyncReply{m.sync, r})
	m.sync = 0
}

// dismiss answers everything that m waits for with err. The member id in the
// reply is empty unless the client must keep the one it has.
func (g *Group) dismiss(m *member, memberID string, err *kerr.Error) {
	g.replyJoin(m, joinError(memberID, err))
	g.replySync(m, syncError(err))
}

func joinError(memberID string, err *kerr.Error) *kmsg.JoinGroupResponse {
	r := kmsg.NewPtrJoinGroupResponse()
	r.ErrorCode, r.MemberID, r.Generation = err.Code, memberID, -1
	return r
}

func syncError(err *kerr.Error) *kmsg.SyncGroupResponse {
	r := kmsg.NewPtrSyncGroupResponse()
	r.ErrorCode = err.Code
	return r
}
