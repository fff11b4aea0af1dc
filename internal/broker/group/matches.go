package group

import (
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/group/consumer"
)

// matches matches the regular expressions that a heartbeat brings, or that have to
// be matched again, with all topics. That may take long, and a member decides how
// long: so it is done by the goroutine of that member's connection, with no lock of a
// group and one expression after another.
func (c *Coordinator) matches(req *kmsg.ConsumerGroupHeartbeatRequest) consumer.Matches {
	found := consumer.Matches{}
	if len(c.dueMatches(req)) == 0 {
		return found
	}
	c.matching.Lock()
	defer c.matching.Unlock()
	topics := c.cfg.Topics.Image()
	for _, expr := range c.dueMatches(req) { // another member may have brought what this one waited for
		if m, ok := consumer.MatchTopics(expr, topics, c.closed); ok {
			found[expr] = m
		}
	}
	return found
}

// dueMatches are the regular expressions that a heartbeat would have matched.
func (c *Coordinator) dueMatches(req *kmsg.ConsumerGroupHeartbeatRequest) []string {
	brought := orEmpty(req.SubscribedTopicRegex)
	if e := c.find(req.Group); e != nil {
		e.mu.Lock()
		defer e.mu.Unlock()
		if g, ok := e.group.(*consumer.Group); ok {
			return g.Due(c.env(e.id, time.Now()), brought)
		}
	}
	if brought == "" {
		return nil
	}
	return []string{brought}
}
