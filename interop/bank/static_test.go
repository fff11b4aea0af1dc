package bank

import "testing"

// Of two consumers with one static id, a classic group knows the later one.
func TestTheEarlierOfTwoConsumersWithOneStaticIDIsFenced(t *testing.T) {
	t.Parallel()
	p := newPeer(t)
	member := p.member(false)
	member.Instance = "i"
	earlier := start(t, member)
	earlier.does("join")
	earlier.does("commit-offset", 1)
	earlier.pause()
	earlier.tell("commit-offset 2")
	later := start(t, member)
	later.does("join") // at once: nobody waits for a session to end
	later.does("commit-offset", 3)
	earlier.resume()
	earlier.answers("FENCED_INSTANCE_ID", "commit-offset 2")
	earlier.want("FENCED_INSTANCE_ID", "heartbeat")
	earlier.want("FENCED_INSTANCE_ID", "leave")
	later.does("heartbeat")
	p.wantOffset(member.Group, 3)
}

// Of two consumers with one static id, a consumer group knows the earlier one for
// as long as it lives.
func TestTheLaterOfTwoConsumersWithOneStaticIDWaitsForTheEarlier(t *testing.T) {
	t.Parallel()
	p := newPeer(t)
	member := p.member(true)
	member.Instance = "i"
	earlier := start(t, member)
	earlier.does("join")
	later := start(t, member)
	later.want("UNRELEASED_INSTANCE_ID", "join")
	earlier.does("commit-offset", 1)
	earlier.pause()
	earlier.tell("commit-offset 2")
	later.while("UNRELEASED_INSTANCE_ID", "join")
	later.does("commit-offset", 3)
	earlier.resume()
	earlier.answers("UNKNOWN_MEMBER_ID", "commit-offset 2")
	earlier.want("FENCED_INSTANCE_ID", "heartbeat")
	later.does("heartbeat")
	p.wantOffset(member.Group, 3)
}
