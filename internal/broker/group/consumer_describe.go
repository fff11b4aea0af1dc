package group

import (
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/group/consumer"
)

// ConsumerGroupDescribe answers ConsumerGroupDescribe (versions 0 and 1).
// Authorized operations are left unset.
func (c *Coordinator) ConsumerGroupDescribe(_ ClientInfo, req *kmsg.ConsumerGroupDescribeRequest, reply func(*kmsg.ConsumerGroupDescribeResponse)) {
	resp := req.ResponseKind().(*kmsg.ConsumerGroupDescribeResponse)
	for _, id := range req.Groups {
		resp.Groups = append(resp.Groups, c.describeConsumer(id))
	}
	reply(resp)
}

func (c *Coordinator) describeConsumer(id string) kmsg.ConsumerGroupDescribeResponseGroup {
	d := kmsg.NewConsumerGroupDescribeResponseGroup()
	d.Group = id
	if id == "" {
		d.ErrorCode = kerr.InvalidGroupID.Code
		return d
	}
	if err := c.topic.Check(id); err != nil {
		d.ErrorCode = err.Code
		return d
	}
	why, is := "Group %s not found.", false
	c.with(id, c.find, func(e *entry, _ time.Time) {
		var g *consumer.Group
		if g, is = e.group.(*consumer.Group); is {
			d = g.Describe(c.cfg.Topics.Image())
		} else {
			why = "Group %s is not a consumer group."
		}
	})
	if !is {
		d.ErrorCode = c.missing(kerr.GroupIDNotFound).Code
		d.ErrorMessage = kmsg.StringPtr(fmt.Sprintf(why, id))
	}
	return d
}
