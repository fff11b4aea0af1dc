package classic

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// metadataVersion is the version of GroupMetadataValue that is written: the
// last that is not flexible, as Kafka itself writes (KIP-915).
const metadataVersion = 3

// write asks the owner to store the group's metadata as it is now.
func (g *Group) write(w *Write) {
	w.generation = g.generation
	w.Value = g.snapshot()
	g.fx.Writes = append(g.fx.Writes, w)
}

// Persisted reports that w is durable, or, with err not nil, that it may not
// be. err is what the members that wait for it are answered.
func (g *Group) Persisted(now time.Time, w *Write, err *kerr.Error) Effects {
	g.begin(now)
	switch w.purpose {
	case assignment:
		g.assigned(w, err)
	case replacement:
		g.replaced(w, err)
	}
	return g.end()
}

func (g *Group) snapshot() *kmsg.GroupMetadataValue {
	v := kmsg.NewGroupMetadataValue()
	v.Version = metadataVersion
	v.ProtocolType, v.Generation = g.protocolType, g.generation
	v.Protocol, v.Leader = nonEmpty(g.protocol), nonEmpty(g.leader)
	if !g.since.IsZero() {
		v.CurrentStateTimestamp = g.since.UnixMilli()
	}
	for _, m := range g.order {
		vm := kmsg.NewGroupMetadataValueMember()
		vm.MemberID, vm.InstanceID = m.id, m.instanceID
		vm.ClientID, vm.ClientHost = m.client.ID, m.client.Host
		vm.RebalanceTimeoutMillis = int32(m.rebalance.Milliseconds())
		vm.SessionTimeoutMillis = int32(m.session.Milliseconds())
		vm.Subscription, vm.Assignment = m.metadata(g.protocol), m.assigned
		v.Members = append(v.Members, vm)
	}
	return &v
}

// Restore returns the group that v describes: Stable with v's members, whose
// sessions begin anew, or Empty. It begins a rebalance if the group has
// more members than cfg allows by now. The group keeps v's memory.
func Restore(cfg *Config, now time.Time, v *kmsg.GroupMetadataValue) *Group {
	g := New(cfg, zeroTime)
	g.begin(now)
	g.generation, g.protocolType = v.Generation, v.ProtocolType
	g.protocol = orEmpty(v.Protocol)
	if v.CurrentStateTimestamp >= 0 {
		g.since = time.UnixMilli(v.CurrentStateTimestamp)
	}
	for i := range v.Members {
		m := restoreMember(g.protocol, &v.Members[i])
		g.add(m, v.ProtocolType)
		g.hear(m)
	}
	g.leader = orEmpty(v.Leader)
	if len(g.members) > 0 {
		g.state = Stable
	}
	g.topics = g.subscribed()
	if cfg.MaxSize > 0 && len(g.members) > cfg.MaxSize {
		g.prepareRebalance()
	}
	return g
}

func restoreMember(selected string, v *kmsg.GroupMetadataValueMember) *member {
	m := &member{
		id:         v.MemberID,
		instanceID: v.InstanceID,
		client:     Client{v.ClientID, v.ClientHost},
		session:    millis(v.SessionTimeoutMillis),
		rebalance:  millis(v.RebalanceTimeoutMillis),
		protocols:  []protocol{{selected, v.Subscription}},
		assigned:   v.Assignment,
	}
	if m.rebalance <= 0 {
		m.rebalance = m.session
	}
	return m
}

// Describe returns what DescribeGroups shows, without the group's name. The
// members' metadata is only meaningful, and only given, when the group is Stable.
func (g *Group) Describe() kmsg.DescribeGroupsResponseGroup {
	d := kmsg.NewDescribeGroupsResponseGroup()
	d.State, d.ProtocolType = g.state.String(), g.protocolType
	if g.state == Stable {
		d.Protocol = g.protocol
	}
	for _, m := range g.order {
		dm := kmsg.NewDescribeGroupsResponseGroupMember()
		dm.MemberID, dm.InstanceID = m.id, m.instanceID
		dm.ClientID, dm.ClientHost = m.client.ID, m.client.Host
		dm.MemberAssignment = m.assigned
		if g.state == Stable {
			dm.ProtocolMetadata = m.metadata(g.protocol)
		}
		d.Members = append(d.Members, dm)
	}
	return d
}

func nonEmpty(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
