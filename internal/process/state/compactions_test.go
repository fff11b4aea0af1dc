package state

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/evidentlog/evident/internal/vfs"
)

// Files of deletions alone are no reason to write all of the state again, each time that
// one is there: they wait until there are as many as of anything else.
func TestDeletionsAloneAreNotCompactedFileByFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := openDB(t, vfs.NewMem())
		task := attached(t, db, 0)
		next := int64(0)
		commit := func(change func(*Store, []byte) error, from, to int) {
			tx := task.Begin(start)
			for i := from; i < to; i++ {
				must(t, change(tx.Store("a"), fmt.Appendf(nil, "key %06d", i)))
			}
			next++
			must(t, tx.Commit(next))
			must(t, db.flush())
			synctest.Wait()
		}
		commit(func(s *Store, key []byte) error { return s.Put(key, key) }, 0, 4000)
		must(t, db.pebble.Compact(context.Background(), []byte{0}, []byte{0xFF}, false))
		before := db.pebble.Metrics().Compact.Count
		for i := range 3 {
			commit((*Store).Delete, 1000*i, 1000*(i+1))
		}
		if n := db.pebble.Metrics().Compact.Count - before; n != 0 {
			t.Errorf("%d compactions for three files of deletions", n)
		}
	})
}
