package group

import (
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/group/share"
)

// ShareGroupDescribe answers ShareGroupDescribe (version 1). Authorized operations
// are left unset.
func (c *Coordinator) ShareGroupDescribe(_ ClientInfo, req *kmsg.ShareGroupDescribeRequest, reply func(*kmsg.ShareGroupDescribeResponse)) {
	resp := req.ResponseKind().(*kmsg.ShareGroupDescribeResponse)
	for _, id := range req.GroupIDs {
		resp.Groups = append(resp.Groups, c.describeShare(id))
	}
	reply(resp)
}

func (c *Coordinator) describeShare(id string) kmsg.ShareGroupDescribeResponseGroup {
	d := kmsg.NewShareGroupDescribeResponseGroup()
	d.GroupID = id
	if err := c.check(id); err != nil {
		d.ErrorCode = err.Code
		return d
	}
	why, is := "Group %s not found.", false
	c.with(id, c.find, func(e *entry, _ time.Time) {
		var g *share.Group
		if g, is = e.group.(*share.Group); is {
			d = g.Describe(c.cfg.Topics.Image())
		} else {
			why = "Group %s is not a share group."
		}
	})
	if !is {
		d.ErrorCode = c.missing(kerr.GroupIDNotFound).Code
		d.ErrorMessage = kmsg.StringPtr(fmt.Sprintf(why, id))
	}
	return d
}
