package group

import (
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// DeleteGroups answers DeleteGroups (versions 0 to 2) once the groups and
// their offsets are gone from the disk. Only groups without members can be
// deleted. A group that is named twice has one answer, as in Kafka.
func (c *Coordinator) DeleteGroups(_ ClientInfo, req *kmsg.DeleteGroupsRequest, reply func(*kmsg.DeleteGroupsResponse)) {
	resp := req.ResponseKind().(*kmsg.DeleteGroupsResponse)
	groups := slices.Compact(slices.Sorted(slices.Values(req.Groups)))
	resp.Groups = make([]kmsg.DeleteGroupsResponseGroup, len(groups))
	all := newGather(len(groups), func() { reply(resp) })
	for i, id := range groups {
		g := &resp.Groups[i]
		g.Group = id
		c.delete(id, func(err *kerr.Error) {
			g.ErrorCode = codeOf(err)
			all.done()
		})
	}
	all.done()
}

func (c *Coordinator) delete(id string, done func(*kerr.Error)) {
	if err := c.topic.Check(id); err != nil {
		done(err)
		return
	}
	found := c.with(id, c.find, func(e *entry, _ time.Time) {
		answer := func(err *kerr.Error) { e.later(func() { done(err) }) }
		e.afterWrites(func(err *kerr.Error) {
			switch {
			case err != nil:
				answer(err)
			case !e.group.Empty():
				answer(kerr.NonEmptyGroup)
			case e.keeps():
				c.deleteShare(e, answer)
			default:
				c.deleteGroup(e, answer)
			}
		})
	})
	if !found {
		done(c.missing(kerr.GroupIDNotFound))
	}
}
