package bank

import (
	"testing"
	"time"
)

// versions runs f for producers of both versions of transactions.
func versions(t *testing.T, f func(t *testing.T, old bool)) {
	t.Run("first version", func(t *testing.T) { f(t, true) })
	t.Run("second version", func(t *testing.T) { f(t, false) })
}

// A producer that was paused for longer than its transaction may take finds that
// it was aborted.
func TestAProducerPausedBeyondItsTransactionTimeoutCannotCommit(t *testing.T) {
	t.Parallel()
	versions(t, func(t *testing.T, old bool) {
		p := newPeer(t)
		zombie := start(t, p.producer(p.name("id"), time.Second, old))
		zombie.does("begin")
		zombie.does("produce", "slow")
		zombie.pause()
		zombie.tell("end commit") // it is about to
		p.settled()
		zombie.resume()
		want := "INVALID_TXN_STATE" // it is who it was, and has been aborted
		if old {
			want = "PRODUCER_FENCED"
		}
		zombie.answers(want, "end commit")
		p.wantCommitted()
	})
}

// A producer that was paused while another began with its transactional id can
// neither write nor commit.
func TestAPausedProducerIsFencedByItsSuccessor(t *testing.T) {
	t.Parallel()
	for about, want := range map[string]string{
		"end commit":   "PRODUCER_FENCED",
		"produce late": "INVALID_PRODUCER_EPOCH",
	} {
		t.Run("about to "+about, func(t *testing.T) {
			versions(t, func(t *testing.T, old bool) {
				p := newPeer(t)
				r := p.producer(p.name("id"), time.Minute, old)
				zombie := start(t, r)
				zombie.does("begin")
				zombie.does("produce", "old")
				zombie.pause()
				zombie.tell(about)
				successor := start(t, r)
				successor.does("begin")
				successor.does("produce", "new")
				zombie.resume()
				zombie.answers(want, about)
				successor.does("end", "commit")
				p.wantCommitted("new")
			})
		})
	}
}
