package group

import (
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/group/classic"
	"github.com/evidentlog/evident/internal/broker/group/consumer"
)

// upgrade is a consumer group that has taken the place of another machine, or
// may yet do so.
type upgrade struct {
	group   *consumer.Group
	records []record // that make it so in the log
}

// asConsumer returns e's consumer group, or what a classic group becomes when
// a member of the new protocol joins: a classic group of consumers brings its
// members along. It changes nothing.
func (c *Coordinator) asConsumer(e *entry, env consumer.Env, joins bool) (upgrade, error) {
	g, ok := e.group.(*classic.Group)
	if !ok {
		if g, ok := e.group.(*consumer.Group); ok {
			return upgrade{group: g}, nil
		}
		return upgrade{}, notFound("Group %s is not a consumer group.", e.id)
	}
	switch {
	case !joins:
		return upgrade{}, notFound("Group %s is not a consumer group.", e.id)
	case g.Empty():
		return upgrade{consumer.New(&c.consumer, e.id), e.withoutClassic()}, nil
	case g.ProtocolType() != classic.ConsumerProtocol:
		return upgrade{}, notFound("Cannot upgrade classic group %s to consumer group because the group does not use the consumer embedded protocol.", e.id)
	}
	next, fx, err := consumer.Upgrade(&c.consumer, e.id, env, consumer.ClassicGroup{
		Generation: g.Generation(), Protocol: g.Protocol(), Members: classicMembers(g),
	})
	return upgrade{next, append(e.withoutClassic(), recordsOf(fx.Records)...)}, err
}

func notFound(format string, args ...any) error {
	return &consumer.Refusal{Code: kerr.GroupIDNotFound, Message: fmt.Sprintf(format, args...)}
}

// withoutClassic is what removes a classic group from the log.
func (e *entry) withoutClassic() []record {
	if !e.stored {
		return nil
	}
	return []record{groupTombstone(e.id)}
}

func classicMembers(g *classic.Group) []consumer.ClassicMember {
	var members []consumer.ClassicMember
	for _, m := range g.Members() {
		cm := consumer.ClassicMember{
			ID: m.ID, InstanceID: m.InstanceID, Client: consumer.Client(m.Client), Rebalance: m.Rebalance,
			Classic: consumer.Classic{SessionTimeout: m.Session}, Assignment: m.Assignment,
		}
		for _, p := range m.Protocols {
			cm.Classic.Protocols = append(cm.Classic.Protocols, consumer.Protocol{Name: p.Name, Metadata: p.Metadata})
		}
		members = append(members, cm)
	}
	return members
}

// become gives e the consumer group. What waits in a classic group is told
// that there is a rebalance, and will find the new one.
func (e *entry) become(now time.Time, g *consumer.Group) {
	if old, ok := e.group.(*classic.Group); ok {
		e.answer(old.Close(now, kerr.RebalanceInProgress))
	}
	e.group = g
}

// downgraded returns the classic group that a consumer group leaves behind.
func (c *Coordinator) downgraded(now time.Time, d *consumer.Downgrade) *classic.Group {
	g := classic.Restore(&c.classic, now, d.Value)
	for id, protocols := range d.Protocols {
		var ps []kmsg.JoinGroupRequestProtocol
		for _, p := range protocols {
			ps = append(ps, kmsg.JoinGroupRequestProtocol{Name: p.Name, Metadata: p.Metadata})
		}
		g.Support(id, ps)
	}
	return g
}

// asClassic returns e's classic group, which an empty consumer group becomes.
func (c *Coordinator) asClassic(e *entry, now time.Time) *classic.Group {
	if g, ok := e.group.(*consumer.Group); ok {
		e.group = c.newClassic(e.id, now)
		e.stored = false
		c.keep(e, recordsOf(g.Remove()), func(*kerr.Error) {})
	}
	return e.group.(*classic.Group)
}
