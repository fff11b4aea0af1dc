package group

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/group/share"
)

// DeleteShareGroupOffsets answers DeleteShareGroupOffsets (version 0) once what the
// group has of the topics is gone from the disk. Only groups without members can
// be altered.
func (c *Coordinator) DeleteShareGroupOffsets(_ ClientInfo, req *kmsg.DeleteShareGroupOffsetsRequest, reply func(*kmsg.DeleteShareGroupOffsetsResponse)) {
	resp := req.ResponseKind().(*kmsg.DeleteShareGroupOffsetsResponse)
	answer := func(err error) {
		if err != nil {
			resp.ErrorCode, resp.ErrorMessage = errorOf(err).Code, kmsg.StringPtr(err.Error())
			resp.Topics = nil
		}
		reply(resp)
	}
	if err := c.check(req.GroupID); err != nil {
		answer(err)
		return
	}
	ids := [][16]byte{} // not nil, which would be all
	for _, rt := range req.Topics {
		t := c.resolve(false, rt.Topic, [16]byte{})
		st := kmsg.NewDeleteShareGroupOffsetsResponseTopic()
		st.Topic, st.TopicID = rt.Topic, t.id
		if t.err != nil {
			st.ErrorCode = kerr.UnknownTopicOrPartition.Code
		} else {
			ids = append(ids, t.id)
		}
		resp.Topics = append(resp.Topics, st)
	}
	run := func(finish func(error, func(*share.Group, share.Env) share.Effects)) {
		c.cfg.Queues.Delete(req.GroupID, ids, func(err error) {
			finish(err, func(g *share.Group, env share.Env) share.Effects { return g.Forget(env, ids) })
		})
	}
	c.onQueues(req.GroupID, false, run, answer)
}
