package group

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// DeleteGroups answers DeleteGroups (versions 0 to 2) once the groups and
// their offsets are gone from the disk. Only groups without members can be
// deleted.
func (c *Coordinator) DeleteGroups(_ ClientInfo, req *kmsg.DeleteGroupsRequest, reply func(*kmsg.DeleteGroupsResponse)) {
	resp := req.ResponseKind().(*kmsg.DeleteGroupsResponse)
	resp.Groups = make([]kmsg.DeleteGroupsResponseGroup, len(req.Groups))
	all := newGather(len(req.Groups), func() { reply(resp) })
	for i, id := range req.Groups {
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
			default:
				c.deleteGroup(e, answer)
			}
		})
	})
	if !found {
		done(c.missing(kerr.GroupIDNotFound))
	}
}
