package group

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/statetopic/statetopictest"
)

// helloMatching is a first heartbeat of a member that reads what an expression matches.
func helloMatching(group, member, expr string) *kmsg.ConsumerGroupHeartbeatRequest {
	req := hello(group, member)
	req.SubscribedTopicNames, req.SubscribedTopicRegex = nil, &expr
	return req
}

// given is how many partitions an answer gives.
func given(resp *kmsg.ConsumerGroupHeartbeatResponse) (n int) {
	if resp.Assignment != nil {
		for _, t := range resp.Assignment.Topics {
			n += len(t.Partitions)
		}
	}
	return n
}

// However long a regular expression takes, only who brings it waits: not the
// other members of the group, and not other groups.
func TestARegularExpressionThatTakesLongKeepsNobodyElse(t *testing.T) {
	inBubble(t, statetopictest.New(4), func(h *harness) {
		epoch := h.beat(hello("g", "a", "orders"))
		slow := make(chan struct{})
		h.topics.names = slow
		joining := make(chan *kmsg.ConsumerGroupHeartbeatResponse, 1)
		go func() { joining <- call(h.ConsumerGroupHeartbeat, helloMatching("g", "b", "p.*")) }()
		synctest.Wait()
		h.beat(again("g", "a", epoch))
		h.commit("other", "orders", 0, 7)
		h.wantGroups("g Stable", "other Empty")
		close(slow)
		resp := <-joining
		h.wantCode("ConsumerGroupHeartbeat", resp.ErrorCode, nil)
		if n := given(resp); n != 10 {
			t.Errorf("%d partitions, want those of payments", n)
		}
	})
}

// Topics that come later are matched by the next heartbeat after a while, and a
// classic member that joins meanwhile does not match them.
func TestTopicsThatComeLaterAreMatchedByHeartbeats(t *testing.T) {
	inBubble(t, statetopictest.New(4), func(h *harness) {
		epoch := h.beat(helloMatching("g", "a", "o.*"))
		h.topics.add("offers", 1, 5)
		h.topics.names = make(chan struct{}) // for ever
		pass(11 * time.Second)
		h.wantCode("JoinGroup", call(h.Join, joinRequest("g", call(h.Join, joinRequest("g", "", "payments")).MemberID, "payments")).ErrorCode, nil)
		h.topics.names = nil
		resp := call(h.ConsumerGroupHeartbeat, again("g", "a", epoch))
		if resp.ErrorCode != 0 || given(resp) != 15 {
			t.Errorf("got %+v, want orders and offers", resp)
		}
	})
}
