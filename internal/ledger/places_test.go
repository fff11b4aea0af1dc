package ledger

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evidentlog/evident/proof"
)

// A name stands for the tree that got a head last, of whatever topic had the name.
func TestANameStandsForItsNewestTree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, err := Open(Config{FS: newDisk(t), Dir: "/data/ledger", Origin: testOrigin})
		if err != nil {
			t.Fatal(err)
		}
		r := run(t, l)
		for _, partition := range []string{"1", "01", "-1", "99999999999", "x", ""} {
			if _, err := r.Newest("orders", partition); !errors.Is(err, ErrNoTree) {
				t.Errorf("partition %q of nothing: %v", partition, err)
			}
		}
		var trees []*Partition
		for _, id := range []string{"AAAAAAAAAAAAAAAAAAAAAQ", "AAAAAAAAAAAAAAAAAAAAAg"} {
			p, err := r.Open(proof.Tree{Topic: "orders", TopicID: id, Partition: 1})
			if err != nil {
				t.Fatal(err)
			}
			trees = append(trees, p)
		}
		for _, p := range []*Partition{trees[0], trees[1], trees[0]} {
			add(t, p, 2)
			time.Sleep(2 * DefaultInterval)
			if origin, err := r.Newest("orders", "1"); err != nil || origin != p.origin {
				t.Errorf("got %s, %v; want %s", origin, err, p.origin)
			}
		}
		// The first topic's end is noticed when the second one has heads already.
		for i, closed := range trees {
			closed.Close("topic deleted")
			time.Sleep(2 * DefaultInterval)
			if origin, err := r.Newest("orders", "1"); err != nil || origin != trees[1].origin {
				t.Errorf("with %d closed: got %s, %v; want %s", i+1, origin, err, trees[1].origin)
			}
		}
		if _, err := r.Newest("orders", "2"); !errors.Is(err, ErrNoTree) {
			t.Errorf("another partition: %v", err)
		}
		r.end()
	})
}
