package state

import (
	"testing"
	"time"
)

// What was restored expires like what was put here: else its room would never come back.
func TestWhatWasRestoredIsDeletedWhenItHasExpired(t *testing.T) {
	db := openDB(t, memFS())
	task := attached(t, db, 0)
	change := func(key string) Change {
		return Change{appendKey(nil, "ttl", []byte(key)), appendValue(nil, []byte("v"), start.Add(time.Hour).UnixMilli())}
	}
	r := task.Restore()
	must(t, r.Add([]Change{change("restored")}, 1, start))
	must(t, r.Finish(start))
	must(t, task.Apply([]Change{change("applied")}, 2, start, start))
	for _, step := range []struct {
		at   time.Duration
		want int
	}{{time.Minute, 0}, {2 * time.Hour, 2}, {3 * time.Hour, 0}} {
		tx := task.Begin(start.Add(step.at))
		n, err := tx.Expire(10)
		must(t, err)
		if n != step.want || len(tx.Changes()) != step.want {
			t.Errorf("after %v %d were gone through, with %d changes: want %d", step.at, n, len(tx.Changes()), step.want)
		}
		if n > 0 {
			must(t, tx.Commit(3))
		}
	}
}
