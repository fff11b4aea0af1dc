package classic

import (
	"bytes"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Member is what there is of a member, for a group of another type that takes
// its members over (KIP-848).
type Member struct {
	ID         string
	InstanceID *string
	Client     Client
	Session    time.Duration
	Rebalance  time.Duration
	Protocols  []kmsg.JoinGroupRequestProtocol // in the member's order of preference
	Assignment []byte                          // empty: none yet
}

// Members returns the members, oldest first. What they hold is not changed
// any more, by either.
func (g *Group) Members() []Member {
	members := make([]Member, len(g.order))
	for i, m := range g.order {
		members[i] = Member{
			ID: m.id, InstanceID: m.instanceID, Client: m.client,
			Session: m.session, Rebalance: m.rebalance, Assignment: m.assigned,
		}
		for _, p := range m.protocols {
			members[i].Protocols = append(members[i].Protocols, kmsg.JoinGroupRequestProtocol{Name: p.name, Metadata: p.metadata})
		}
	}
	return members
}

// Protocol returns the protocol that the members voted for; "" if they did not yet.
func (g *Group) Protocol() string { return g.protocol }

// Support notes which protocols a member supports, of which stored metadata
// only has the one that was selected.
func (g *Group) Support(memberID string, protocols []kmsg.JoinGroupRequestProtocol) {
	m := g.members[memberID]
	if m == nil {
		return
	}
	m.protocols = make([]protocol, len(protocols))
	for i, p := range protocols {
		m.protocols[i] = protocol{p.Name, bytes.Clone(p.Metadata)}
	}
}

// Rebalance asks all members of a stable group to join again.
func (g *Group) Rebalance(now time.Time) Effects {
	g.begin(now)
	if g.state == Stable {
		g.prepareRebalance()
	}
	return g.end()
}
