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
	before := len(g.members)
	errs := make([]*kerr.Error, len(leavers))
	for i, l := range leavers {
		errs[i] = g.leave(l)
	}
	switch {
	case g.state == PreparingRebalance:
		g.maybeCompleteJoin() // perhaps they were all that was waited for
	case len(g.members) < before:
		g.prepareRebalance()
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
