package state

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/internal/vfs/vfstest"
)

// A workload does steps, and knows the state after each.
type workload struct {
	fs   vfs.FS
	now  time.Time
	next int64
	// states are what the state may be, by position.
	states map[int64]map[string]string
	last   map[string]string
}

func newWorkload(fs vfs.FS) *workload {
	return &workload{fs: fs, now: start, states: map[int64]map[string]string{0: {}}, last: map[string]string{}}
}

func (w *workload) open() (*DB, *Task, error) {
	db, err := Open(Config{
		FS: w.fs, Dir: "/state", Reserve: 1, FlushAfter: time.Minute,
		Stores: []StoreConfig{{Name: "a"}, {Name: "ttl", TTL: time.Hour}},
	})
	if err != nil {
		return nil, nil, err
	}
	task, err := db.Task(1)
	if err == nil {
		_, err = task.Attach(Changelog{Topic: topic, End: 1 << 40}, w.now)
	}
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return db, task, nil
}

// note notes that the state at the next position will be this.
func (w *workload) note(change func(map[string]string)) int64 {
	w.next++
	w.last = maps.Clone(w.last)
	change(w.last)
	w.states[w.next] = w.last
	return w.next
}

// step changes some keys; it counts as begun before it is committed.
func (w *workload) step(task *Task) error {
	w.now = w.now.Add(time.Second)
	tx := task.Begin(w.now)
	next := w.note(func(m map[string]string) {
		for i := range int64(5) {
			key := fmt.Sprintf("key %d", (w.next*3+i)%20)
			if (w.next+i)%7 == 0 {
				delete(m, key)
			} else {
				m[key] = fmt.Sprintf("value %d of step %d", i, w.next)
			}
		}
	})
	before := w.states[next-1]
	for key := range before {
		if _, ok := w.last[key]; !ok {
			if err := tx.Store("a").Delete([]byte(key)); err != nil {
				return err
			}
		}
	}
	for key, value := range w.last {
		if before[key] != value {
			if err := tx.Store("a").Put([]byte(key), []byte(value)); err != nil {
				return err
			}
		}
	}
	return tx.Commit(next)
}

// restore makes the whole state anew, from several runs.
func (w *workload) restore(task *Task) error {
	if err := task.Drop(); err != nil {
		return err
	}
	if _, err := task.Attach(Changelog{Topic: topic, End: 1 << 40}, w.now); err != nil {
		return err
	}
	r := task.Restore()
	defer r.Discard()
	next := w.note(func(map[string]string) {})
	for i, key := range slices.Sorted(maps.Keys(w.last)) {
		for _, value := range []string{"an older one", w.last[key]} {
			c := Change{Key: appendKey(nil, "a", []byte(key)), Value: appendValue(nil, []byte(value), never)}
			if err := r.Add([]Change{c}, next, w.now); err != nil {
				return err
			}
		}
		if i%8 != 3 {
			continue
		}
		if err := r.putAside(); err != nil {
			return err
		}
	}
	return r.Finish(w.now)
}

// run does all that changes the disk.
func (w *workload) run() error {
	for range 2 {
		db, task, err := w.open()
		if err != nil {
			return err
		}
		for i := range 4 {
			if err = w.step(task); err == nil && i%2 == 1 {
				err = db.flush()
			}
			if err == nil && i == 2 {
				err = w.restore(task)
			}
			if err != nil {
				break
			}
		}
		if err := errors.Join(err, db.Close()); err != nil {
			return err
		}
	}
	return nil
}

// contents are all keys of a store.
func contents(task *Task, store string, now time.Time) (map[string]string, error) {
	m := make(map[string]string)
	for e, err := range task.Range(store, nil, nil, now) {
		if err != nil {
			return nil, err
		}
		m[string(e.Key)] = string(e.Value)
	}
	return m, nil
}

// holds says whether what is there is the state at its position.
func (w *workload) holds(task *Task) error {
	got, err := contents(task, "a", w.now)
	if err != nil {
		return err
	}
	p := task.Position().Next
	want, ok := w.states[p]
	if !ok || !maps.Equal(got, want) {
		return fmt.Errorf("at position %d there is %v, want %v", p, got, want)
	}
	return nil
}

func TestPowerCutAtEachWriteLeavesTheStateAfterSomeStep(t *testing.T) {
	for _, cut := range vfstest.Cuts() {
		t.Run(cut.Name, func(t *testing.T) {
			t.Parallel()
			for n := 1; ; n++ {
				mem := vfs.NewMem()
				faulty := vfs.NewFaulty(mem, cut.Hook(n))
				w := newWorkload(faulty)
				err := w.run()
				if err == nil && faulty.Mutations() < n {
					return
				}
				w.fs = mem.Crash(cut.Keep(n))
				if err := reopened(w); err != nil {
					t.Fatalf("cut at write %d (%v): %v", n, err, err)
				}
			}
		})
	}
}

// reopened says whether the state can be opened, and is right, and can be gone on with.
func reopened(w *workload) error {
	db, task, err := w.open()
	if err != nil {
		return err
	}
	err = w.holds(task)
	if err == nil {
		w.next = max(w.next, task.Position().Next)
		w.last = w.states[task.Position().Next]
		w.states[w.next] = w.last
		err = w.step(task)
	}
	if err == nil {
		err = w.holds(task)
	}
	return errors.Join(err, db.Close())
}
