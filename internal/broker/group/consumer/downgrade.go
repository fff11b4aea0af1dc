package consumer

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Downgrade is what a consumer group leaves to the classic group that it becomes.
type Downgrade struct {
	// Value is the classic group, stable, with the members' targets.
	Value *kmsg.GroupMetadataValue
	// Protocols are what each member supports, by its id.
	Protocols map[string][]Protocol
	// Rebalance says that the members must join again: not all have their
	// targets, or these leave partitions without an owner.
	Rebalance bool
}

// downgradeWithout makes a classic group of this one, without some members, if
// all that stay are classic. It returns nil if not.
func (g *Group) downgradeWithout(leaving []*member) *Downgrade {
	members := slices.DeleteFunc(slices.Clone(g.order), func(m *member) bool { return slices.Contains(leaving, m) })
	isConsumer := func(m *member) bool { return m.classic == nil }
	protocol := commonProtocol(members)
	switch {
	case len(members) == 0, len(members) > g.cfg.ClassicMaxSize, slices.ContainsFunc(members, isConsumer), protocol == "":
		return nil
	}
	d := &Downgrade{Protocols: map[string][]Protocol{}, Rebalance: len(leaving) > 0 || g.State() != Stable}
	d.Value = g.classicValue(members, protocol)
	for _, m := range members {
		d.Protocols[m.id] = m.classic.Protocols
	}
	g.putRemoval()
	return d
}

// commonProtocol is the first of the first member's that all support.
func commonProtocol(members []*member) string {
	if len(members) == 0 || members[0].classic == nil {
		return ""
	}
	for _, p := range members[0].classic.Protocols {
		lacks := func(m *member) bool { return m.classic == nil || !m.classic.supports(p.Name) }
		if !slices.ContainsFunc(members, lacks) {
			return p.Name
		}
	}
	return ""
}

func (g *Group) classicValue(members []*member, protocol string) *kmsg.GroupMetadataValue {
	v := kmsg.NewGroupMetadataValue()
	v.Version = classicVersion
	v.ProtocolType, v.Generation, v.Protocol = ProtocolType, g.epoch, &protocol
	v.Leader, v.CurrentStateTimestamp = kmsg.StringPtr(members[0].id), g.env.Now.UnixMilli()
	for _, m := range members {
		vm := kmsg.NewGroupMetadataValueMember()
		vm.MemberID, vm.InstanceID = m.id, nonEmpty(m.instanceID)
		vm.ClientID, vm.ClientHost = m.client.ID, m.client.Host
		vm.RebalanceTimeoutMillis = int32(m.rebalance.Milliseconds())
		vm.SessionTimeoutMillis = int32(m.classic.SessionTimeout.Milliseconds())
		for _, p := range m.classic.Protocols {
			if p.Name == protocol {
				vm.Subscription = p.Metadata
			}
		}
		vm.Assignment = classicAssignment(m, m.target, g.env.Topics)
		v.Members = append(v.Members, vm)
	}
	return &v
}

// classicVersion is the version of a classic group's record that is written.
const classicVersion = 3
