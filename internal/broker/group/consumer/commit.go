package consumer

import (
	"iter"

	"github.com/twmb/franz-go/pkg/kerr"
)

// Committer is who wants to commit or fetch offsets.
type Committer struct {
	MemberID string
	// Epoch is the member's epoch, or the generation of a classic member.
	// Negative: not a member.
	Epoch int32
	// Version is that of the OffsetCommit.
	Version int16
	// Transactional is set for TxnOffsetCommit.
	Transactional bool
}

// Commit checks whether c may commit offsets of the partitions. A member may, in
// its epoch; and in an earlier one for what it has had since (KIP-1251). Who is
// not a member may commit only to an empty group, or in a transaction.
func (g *Group) Commit(c Committer, partitions iter.Seq[Partition]) *kerr.Error {
	switch {
	case c.Epoch < 0 && len(g.members) == 0:
		return nil
	case c.Transactional && c.Epoch < 0 && c.MemberID == "":
		return nil
	}
	m := g.members[c.MemberID]
	switch {
	case m == nil:
		return kerr.UnknownMemberID
	case !c.Transactional && m.classic == nil && c.Version < 9:
		return kerr.UnsupportedVersion
	case c.Epoch == m.epoch:
		return nil
	case c.Epoch > m.epoch:
		return m.stale(c.Transactional)
	}
	for p := range partitions {
		if since, ok := m.since(p); !ok || c.Epoch < since {
			return m.stale(c.Transactional)
		}
	}
	return nil
}

// Fetch checks whether the offsets may be fetched by c. Who names no member may.
func (g *Group) Fetch(c Committer) *kerr.Error {
	if c.Epoch < 0 && c.MemberID == "" {
		return nil
	}
	m := g.members[c.MemberID]
	switch {
	case m == nil:
		return kerr.UnknownMemberID
	case c.Epoch != m.epoch:
		return m.stale(false)
	}
	return nil
}

// since is the epoch in which m got the partition that it holds.
func (m *member) since(p Partition) (int32, bool) {
	if epoch, ok := m.assigned[p]; ok {
		return epoch, true
	}
	epoch, ok := m.revoking[p]
	return epoch, ok
}

// stale is the error of another epoch than m's, in the protocol that the client speaks.
func (m *member) stale(transactional bool) *kerr.Error {
	if m.classic != nil || transactional {
		return kerr.IllegalGeneration
	}
	return kerr.StaleMemberEpoch
}
