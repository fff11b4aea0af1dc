package classic

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Heartbeat notes a sign of life. REBALANCE_IN_PROGRESS asks the member to
// join again.
func (g *Group) Heartbeat(now time.Time, req *kmsg.HeartbeatRequest) *kerr.Error {
	g.begin(now)
	if g.state == Dead {
		return kerr.CoordinatorNotAvailable
	}
	if err := g.validate(req.MemberID, req.InstanceID); err != nil {
		return err
	}
	if req.Generation != g.generation {
		return kerr.IllegalGeneration
	}
	g.hear(g.members[req.MemberID])
	if g.state == PreparingRebalance {
		return kerr.RebalanceInProgress
	}
	return nil
}

// Committer is who wants to commit offsets.
type Committer struct {
	MemberID   string
	InstanceID *string
	Generation int32 // negative: not a member (an administrator, or a consumer that assigns itself)
	// Transactional is set for offsets that belong to a transaction (KIP-447).
	// Their producer need not say that it is a member, and says it at the end of
	// the transaction, in whatever state the group is then.
	Transactional bool
}

// Commit checks whether c may commit offsets, and notes the sign of life. A
// member of the last generation may still commit while the next is prepared,
// but not between JoinGroup and SyncGroup. Who is not a member may commit only
// to an empty group.
func (g *Group) Commit(now time.Time, c Committer) *kerr.Error {
	g.begin(now)
	switch {
	case g.state == Dead:
		return kerr.CoordinatorNotAvailable
	case c.Generation < 0 && g.state == Empty:
		return nil
	case c.Transactional && c.Generation < 0 && c.MemberID == "" && c.InstanceID == nil:
		return nil
	case c.Generation < 0 && c.MemberID == "" && c.InstanceID == nil:
		return kerr.UnknownMemberID
	}
	if err := g.validate(c.MemberID, c.InstanceID); err != nil {
		return err
	}
	switch {
	case c.Generation != g.generation:
		return kerr.IllegalGeneration
	case c.Transactional:
		return nil
	case g.state == CompletingRebalance:
		return kerr.RebalanceInProgress
	}
	g.hear(g.members[c.MemberID])
	return nil
}
