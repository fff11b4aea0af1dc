package state

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// apply writes a batch, and closes it. It waits while too much waits to be written to
// disk. The caller has entered.
func (db *DB) apply(b *pebble.Batch) error {
	if err := db.waitForRoom(int64(b.Len())); err != nil {
		return errors.Join(err, b.Close())
	}
	if err := b.Commit(pebble.NoSync); err != nil {
		return db.failed(errors.Join(err, b.Close()))
	}
	if err := b.Close(); err != nil {
		return db.failed(err)
	}
	return db.health.err()
}

// roomOnDisk looks whether the disk has room for what is being committed, since what has
// been has to be written. It looks at most twice a memtable.
func (db *DB) roomOnDisk(n int64) error {
	if err := db.health.err(); err != nil {
		return err
	}
	if db.uncommitted.Add(n) < db.memtable/2 {
		return nil
	}
	if err := db.checkSpace(); err != nil {
		return err
	}
	db.uncommitted.Store(0)
	return nil
}

// waitForRoom waits until n more bytes can be given to Pebble. It looks at most twice a
// memtable.
func (db *DB) waitForRoom(n int64) error {
	if err := db.health.err(); err != nil {
		return err
	}
	if db.unchecked.Add(n) < db.memtable/2 {
		return nil
	}
	for {
		bell := db.health.bell()
		if err := db.health.err(); err != nil {
			return err
		}
		if !db.stalled() {
			db.unchecked.Store(0)
			return nil
		}
		<-bell
	}
}

// stalled says whether too much waits for Pebble's own work.
func (db *DB) stalled() bool {
	m := db.pebble.Metrics()
	return m.MemTable.Count > 1 && m.MemTable.Size > uint64(db.memtable)*(1+stallMemtables) ||
		m.Levels[0].Sublevels > stallFiles
}

// checkSpace keeps Pebble from finding out by itself that the disk is full.
func (db *DB) checkSpace() error {
	s, err := db.cfg.FS.Space(db.cfg.Dir)
	if err != nil {
		return db.failed(err)
	}
	if int64(s.Free) < db.cfg.Reserve {
		return fmt.Errorf("%w: %s has %d bytes free, and %d must stay so: free some, or set the reserve lower", ErrFull, db.cfg.Dir, s.Free, db.cfg.Reserve)
	}
	return nil
}

// flush writes all that has been committed to disk, and waits for it. The caller has
// entered, or has closed the gate.
func (db *DB) flush() error {
	if err := db.drainAll(); err != nil {
		return err
	}
	return db.flushPebble()
}

// flushPebble writes what Pebble has in memory to disk, and waits for it.
func (db *DB) flushPebble() error {
	done, err := db.pebble.AsyncFlush()
	if err != nil {
		return db.failed(err)
	}
	for {
		bell := db.health.bell()
		if err := db.health.err(); err != nil {
			return err
		}
		select {
		case <-done:
			return db.health.err()
		case <-bell:
		}
	}
}

// flushByTime begins to write what has been committed to disk if that was not done for
// long, or the clock, which shows now, in Unix ms, was set back.
func (db *DB) flushByTime(now int64) {
	last := db.flushed.Load()
	early := last <= now && now-last < db.cfg.FlushAfter.Milliseconds()
	if early || !db.flushed.CompareAndSwap(last, now) || last == 0 {
		return
	}
	db.late.Store(true)
	db.drainer.call()
}

// beginFlush has Pebble write what it has in memory to disk.
func (db *DB) beginFlush() {
	if _, err := db.pebble.AsyncFlush(); err != nil {
		_ = db.failed(err) // it is kept
	}
}

// readError is what reading has failed with, for the caller.
func (db *DB) readError(err error) error {
	if isCorrupt(err) || pebble.IsCorruptionError(err) {
		return db.failed(err)
	}
	return fmt.Errorf("read state in %s: %w", db.cfg.Dir, err)
}
