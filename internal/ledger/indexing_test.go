package ledger

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/evidentlog/evident/internal/ledger/index"
)

// Whoever turns the index of a tree on may come after the round that closed it, and
// must not bring back what went with it.
func TestTheIndexOfAClosedTreeDoesNotComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newDisk(t)
		ix, err := index.Open(index.Config{FS: disk, Dir: "/data/index"})
		if err != nil {
			t.Fatal(err)
		}
		l, err := Open(Config{FS: disk, Dir: "/data/ledger", Origin: testOrigin, Index: ix})
		if err != nil {
			t.Fatal(err)
		}
		r := run(t, l)
		p := r.partition(1)
		if err := p.Index(true); err != nil || p.index.Load() == nil {
			t.Fatalf("it is not turned on: %v", err)
		}
		add(t, p, 3)
		p.Close("truncated to 1")
		time.Sleep(2 * DefaultInterval)
		if err := p.Index(true); err != nil || p.index.Load() != nil {
			t.Errorf("it is open again: %v", err)
		}
		r.end()
	})
}
