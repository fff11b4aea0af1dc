package classic

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Client is who sent a JoinGroup, as DescribeGroups shows it.
type Client struct {
	ID   string // client.id
	Host string
}

// member is one member of a group. It is owned by its Group.
type member struct {
	id         string
	instanceID *string // group.instance.id; nil: dynamic member
	client     Client

	session   time.Duration // without a sign of life for so long, it is removed
	rebalance time.Duration // it has so long to join and to sync
	protocols []protocol    // in the member's order of preference
	assigned  []byte

	join     Ticket // JoinGroup that waits; 0: none
	sync     Ticket // SyncGroup that waits; 0: none
	fresh    bool   // its first JoinGroup has not been answered: it cannot heartbeat yet
	owesSync bool   // joined this generation, has not sent SyncGroup
	deadline time.Time
}

// protocol is one way of assigning partitions that a member supports.
type protocol struct {
	name     string
	metadata []byte
}

func newMember(id string, in JoinRequest) *member {
	m := &member{
		id:         id,
		instanceID: cloneString(in.Request.InstanceID),
		client:     Client{strings.Clone(in.Client.ID), strings.Clone(in.Client.Host)},
	}
	m.update(in)
	return m
}

// update takes over what a member says of itself with each JoinGroup, and
// parks that request. Bytes and strings are copied: the request may lie in a
// network buffer.
func (m *member) update(in JoinRequest) {
	req := in.Request
	m.session = millis(req.SessionTimeoutMillis)
	m.rebalance = millis(req.RebalanceTimeoutMillis)
	if req.Version == 0 || m.rebalance <= 0 { // v0 has no rebalance timeout
		m.rebalance = m.session
	}
	m.protocols = make([]protocol, len(req.Protocols))
	for i, p := range req.Protocols {
		m.protocols[i] = protocol{strings.Clone(p.Name), bytes.Clone(p.Metadata)}
	}
	m.join = in.Ticket
}

// waits reports whether m has a request parked, so that its silence means
// nothing.
func (m *member) waits() bool { return m.join != 0 || m.sync != 0 }

func (m *member) static() bool { return m.instanceID != nil }

func (m *member) supports(name string) bool {
	return slices.ContainsFunc(m.protocols, func(p protocol) bool { return p.name == name })
}

func (m *member) metadata(name string) []byte {
	for _, p := range m.protocols {
		if p.name == name {
			return p.metadata
		}
	}
	return nil
}

// matches reports whether the JoinGroup says nothing new.
func (m *member) matches(protocols []kmsg.JoinGroupRequestProtocol) bool {
	return slices.EqualFunc(m.protocols, protocols, func(p protocol, q kmsg.JoinGroupRequestProtocol) bool {
		return p.name == q.Name && bytes.Equal(p.metadata, q.Metadata)
	})
}

func millis(ms int32) time.Duration { return time.Duration(ms) * time.Millisecond }

func cloneString(s *string) *string {
	if s == nil {
		return nil
	}
	c := strings.Clone(*s)
	return &c
}
