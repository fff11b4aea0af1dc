package group

import (
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/group/classic"
)

// DescribeGroups answers DescribeGroups (versions 0 to 6). A group that does
// not exist, or is not a classic one, is Dead, and from version 6 also
// GROUP_ID_NOT_FOUND (KIP-1043).
// Authorized operations are left unset.
func (c *Coordinator) DescribeGroups(_ ClientInfo, req *kmsg.DescribeGroupsRequest, reply func(*kmsg.DescribeGroupsResponse)) {
	resp := req.ResponseKind().(*kmsg.DescribeGroupsResponse)
	for _, id := range req.Groups {
		d := c.describe(id, req.Version)
		d.Group = id
		resp.Groups = append(resp.Groups, d)
	}
	reply(resp)
}

func (c *Coordinator) describe(id string, version int16) kmsg.DescribeGroupsResponseGroup {
	d := kmsg.NewDescribeGroupsResponseGroup()
	if err := c.topic.Check(id); err != nil {
		d.ErrorCode = err.Code
		return d
	}
	why := "Group %s not found."
	is := false
	c.with(id, c.find, func(e *entry, _ time.Time) {
		var g *classic.Group
		if g, is = e.group.(*classic.Group); is {
			d = g.Describe()
		} else {
			why = "Group %s is not a classic group."
		}
	})
	if is {
		return d
	}
	d.State = classic.Dead.String()
	if version >= 6 {
		d.ErrorCode = c.missing(kerr.GroupIDNotFound).Code
		d.ErrorMessage = kmsg.StringPtr(fmt.Sprintf(why, id))
	}
	return d
}
