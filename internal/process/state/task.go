package state

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// A Task is the state of one task. Its steps, Apply, Restore and what else changes it
// are for one goroutine at a time; Get, Range and Position may be called by any others
// beside it.
type Task struct {
	db        *DB
	partition int32
	prefix    []byte // of the keys of its data in Pebble
	tx        Tx
	pending   pending
	expiry    expiry

	mu struct {
		sync.Mutex
		position Position
	}
}

// Task is the state of a task: the same each time.
func (db *DB) Task(partition int32) (*Task, error) {
	if err := db.enter(); err != nil {
		return nil, err
	}
	defer db.exit()
	db.mu.Lock()
	defer db.mu.Unlock()
	if t := db.mu.tasks[partition]; t != nil {
		return t, nil
	}
	t := &Task{db: db, partition: partition, prefix: appendPrefix(nil, partition, kindData)}
	t.tx.init(t)
	t.pending.init(t.tx.seed)
	if err := t.loadPosition(); err != nil {
		return nil, fmt.Errorf("position of task %d: %w", partition, err)
	}
	db.mu.tasks[partition] = t
	db.memory.countTasks(1)
	return t, nil
}

// Partitions are the tasks of which there is state on disk or in memory.
func (db *DB) Partitions() ([]int32, error) {
	if err := db.enter(); err != nil {
		return nil, err
	}
	defer db.exit()
	if err := db.drainAll(); err != nil {
		return nil, err
	}
	it, err := db.pebble.NewIter(nil)
	if err != nil {
		return nil, db.readError(err)
	}
	var list []int32
	for ok := it.First(); ok; {
		p := partitionOf(it.Key())
		list = append(list, p)
		ok = it.SeekGE(appendPrefix(nil, p, kindEnd))
	}
	if err := errors.Join(it.Error(), it.Close()); err != nil {
		return nil, db.readError(err)
	}
	return list, nil
}

// Position is how far the state is, with what has been committed.
func (t *Task) Position() Position {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.mu.position
}

func (t *Task) setPosition(p Position) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mu.position = p
}

func (t *Task) positionKey() []byte { return appendPrefix(nil, t.partition, kindPosition) }

// loadPosition reads how far what is in Pebble is.
func (t *Task) loadPosition() error {
	value, closer, err := t.db.pebble.Get(t.positionKey())
	if errors.Is(err, pebble.ErrNotFound) {
		return t.db.health.err()
	}
	if err != nil {
		return t.db.readError(err)
	}
	p, err := parsePosition(value)
	if err := errors.Join(err, closer.Close()); err != nil {
		return t.db.readError(err)
	}
	t.setPosition(p)
	return nil
}

// A Changelog is the partition of the changelog's topic that has a task's changes.
type Changelog struct {
	// Topic is the topic's id.
	Topic [16]byte
	// Start and End are the offsets of its first record, and of the one that is written
	// next.
	Start, End int64
	// Tombstones is how long the topic keeps deletions (delete.retention.ms); 0 is for
	// ever. State that is older than that may have missed one.
	Tombstones time.Duration
}

// Attach compares the state with its changelog, discards state that cannot be made like
// it by applying what is new, saying so, and gives the offset of what has to be applied
// next. It has to be called before anything is applied or committed.
func (t *Task) Attach(c Changelog, now time.Time) (next int64, err error) {
	p := t.Position()
	if why := p.mismatch(c, now); why != "" && p != (Position{}) {
		t.db.cfg.Logger.Warn("the state of a task is not that of its changelog: it is discarded, and made again",
			"processor", t.db.cfg.Processor, "task", t.partition, "reason", why)
		if err := t.Drop(); err != nil {
			return 0, err
		}
		p = Position{}
	}
	p.Changelog, p.Next = c.Topic, max(p.Next, c.Start)
	t.setPosition(p)
	return p.Next, nil
}

// mismatch says why state at the position is not that of a changelog at an earlier time.
func (p Position) mismatch(c Changelog, now time.Time) string {
	switch {
	case p.Changelog != c.Topic:
		return fmt.Sprintf("the changelog was made anew: its id is %x, and the state has %x", c.Topic, p.Changelog)
	case p.Next > c.End:
		return fmt.Sprintf("the changelog ends at offset %d, and the state is that of %d", c.End, p.Next)
	case p.Next < c.Start:
		return fmt.Sprintf("the changelog begins at offset %d, and the state is that of %d", c.Start, p.Next)
	case p.Next < c.End && c.Tombstones > 0 && now.Sub(p.At) >= c.Tombstones:
		return fmt.Sprintf("the state is of %s, and the changelog keeps deletions for %v", p.At.UTC().Format(time.RFC3339), c.Tombstones)
	}
	return ""
}

// Touch notes that the state is that of the changelog's end now, though nothing was
// changed: to be called at least every few hours, or Attach may take it for too old.
func (t *Task) Touch(now time.Time) error {
	if err := t.db.enter(); err != nil {
		return err
	}
	defer t.db.exit()
	p := t.Position()
	p.At = now
	if err := t.add(p, 0, func() {}); err != nil {
		return err
	}
	return t.drain()
}

// Empty tells whether there is no key in any store, also none that has expired.
func (t *Task) Empty() (bool, error) {
	if err := t.db.enter(); err != nil {
		return false, err
	}
	defer t.db.exit()
	empty := true
	var failed error
	_, err := t.scan(t.prefix, nil, nil, math.MinInt64, func(_ Entry, err error) bool {
		empty, failed = false, err
		return false
	})
	if failed == nil && err != nil {
		failed = t.db.readError(err)
	}
	return empty, failed
}

// Drop removes the state, as if there had never been any. It is on disk when it returns.
func (t *Task) Drop() error {
	if err := t.db.enter(); err != nil {
		return err
	}
	defer t.db.exit()
	t.tx.reset()
	t.expiry = expiry{}
	if err := t.drop(); err != nil {
		return err
	}
	return t.db.flush()
}

// drop removes what is pending, and what is in Pebble.
func (t *Task) drop() error {
	t.pending.writing.Lock()
	defer t.pending.writing.Unlock()
	t.pending.forget()
	b := t.db.pebble.NewBatch()
	from := appendPrefix(nil, t.partition, kindPosition)
	if err := b.DeleteRange(from, appendPrefix(nil, t.partition, kindEnd), nil); err != nil {
		return errors.Join(err, b.Close())
	}
	if err := t.db.apply(b); err != nil {
		return err
	}
	t.setPosition(Position{})
	return nil
}
