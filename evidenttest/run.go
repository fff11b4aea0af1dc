package evidenttest

import (
	"testing"
	"testing/synctest"
	"time"
)

// Run starts a node in a bubble of testing/synctest and calls test in it. Time passes
// only when the node, its clients and all goroutines of the test wait for it or for one
// another, and then at once. What is in the bubble must not wait for what is not: no
// network, no other processes, no files. Within it there are no subtests, and it ends
// when all goroutines that it started have ended: end them with t.Context or t.Cleanup.
//
// Time does not pass while a goroutine waits for a sync.Mutex. A program that holds one
// while it waits for time, such as for a retry, stands still in the bubble when another of
// its goroutines wants it; franz-go's GroupTransactSession does when it ends a transaction
// while its group is lost, as by a power cut in the middle. Run such tests with go test
// -tags synctests, with which franz-go's mutexes are of another kind.
func Run(t *testing.T, test func(t *testing.T, n *Node), opts ...Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, start(t, true, opts)) })
}

// Advance lets d pass, and returns when all that became due is done and everybody waits
// again. It is for tests within [Run].
func (n *Node) Advance(d time.Duration) {
	n.t.Helper()
	if !n.bubble {
		n.t.Fatalf("time passes by itself for this node: start it with evidenttest.Run to make it pass")
	}
	time.Sleep(d)
	synctest.Wait()
}
