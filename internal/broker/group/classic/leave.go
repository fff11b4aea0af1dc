package classic

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Leave removes members, named by member id, or by instance id alone as
// administrators do (KIP-345). It returns the error of each, nil for success.
func (g *Group) Leave(now time.Time, leavers []kmsg.LeaveGroupRequestMember) ([]*kerr.Error, Effects) {
	g.begin(now)
	errs := make([]*kerr.Error, len(leavers))
	left := false
	for i, l := range leavers {
		errs[i] = g.leave(l)
		left = left || errs[i] == nil
	}
	if left {
		g.afterRemoval()
	}
	return errs, g.end()
}

func (g *Group) leave(l kmsg.LeaveGroupRequestMember) *kerr.Error {
	if g.state == Dead {
		return kerr.CoordinatorNotAvailable
	}
	if l.MemberID == "" && l.InstanceID != nil {
		m := g.static[*l.InstanceID]
		if m == nil {
			return kerr.UnknownMemberID
		}
		g.remove(m)
		return nil
	}
	if _, ok := g.pending[l.MemberID]; ok {
		delete(g.pending, l.MemberID)
		return nil
	}
	if err := g.validate(l.MemberID, l.InstanceID); err != nil {
		return err
	}
	g.remove(g.members[l.MemberID])
	return nil
}

// afterRemoval lets the group go on with fewer members, or without a pending
// one that has left; the latter alone disturbs nobody.
func (g *Group) afterRemoval() {
	switch g.state {
	case Stable, CompletingRebalance:
		g.prepareRebalance()
	case PreparingRebalance:
		g.maybeCompleteJoin()
	}
}
