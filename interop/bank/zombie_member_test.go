package bank

import (
	"testing"
	"time"
)

// protocols runs f for classic groups and for consumer groups (KIP-848).
func protocols(t *testing.T, f func(t *testing.T, p *peer, member role)) {
	for name, consumer := range map[string]bool{"classic group": false, "consumer group": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPeer(t)
			f(t, p, p.member(consumer))
		})
	}
}

// A consumer that was paused beyond its session, until another had its
// partition, can neither commit offsets nor go on.
func TestAConsumerPausedBeyondItsSessionCannotCommit(t *testing.T) {
	t.Parallel()
	protocols(t, func(t *testing.T, p *peer, member role) {
		zombie := start(t, member)
		zombie.does("join")
		zombie.does("commit-offset", 1)
		zombie.pause()
		zombie.tell("commit-offset 2")
		successor := start(t, member)
		successor.does("join")
		successor.does("commit-offset", 3)
		zombie.resume()
		zombie.answers("UNKNOWN_MEMBER_ID", "commit-offset 2")
		zombie.want("UNKNOWN_MEMBER_ID", "heartbeat")
		successor.does("heartbeat")
		p.wantOffset(member.Group, 3)
	})
}

// What such a consumer wrote, of what it consumed, counts once: its successor's.
func TestWhatAPausedConsumerTransformedCountsOnce(t *testing.T) {
	t.Parallel()
	protocols(t, func(t *testing.T, p *peer, member role) {
		member.TransactionTimeout = time.Minute
		member.TransactionalID = p.name("id")
		zombie := start(t, member)
		zombie.does("join")
		zombie.does("begin")
		zombie.does("produce", "of the zombie")
		zombie.pause()
		zombie.tell("send-offset 1")
		member.TransactionalID = p.name("id") // another one: only the group fences
		successor := start(t, member)
		successor.does("join")
		successor.does("begin")
		successor.does("produce", "of the successor")
		successor.does("send-offset", 1)
		successor.does("end", "commit")
		zombie.resume()
		zombie.answers("UNKNOWN_MEMBER_ID", "send-offset 1")
		zombie.does("end", "abort")
		p.wantCommitted("of the successor")
		p.wantOffset(member.Group, 1)
	})
}
