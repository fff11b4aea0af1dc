package state

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/cockroachdb/pebble/v2/sstable"

	"github.com/evidentlog/evident/internal/vfs"
)

// tableSize is how many bytes of keys and values are in a file that a restore hands to
// Pebble.
const tableSize = 64 << 20

// merge hands all runs to Pebble, with the position before them: all or nothing. Several
// goroutines write files, each its share of the keys.
func (r *Restore) merge(p Position) (err error) {
	db := r.task.db
	runs, err := openRuns(db.cfg.FS, r.files)
	defer func() { err = errors.Join(err, runs.close()) }()
	if err != nil {
		return err
	}
	shares := shares(r.files, db.memory.mergers(), shareLeast)
	writers, errs := make([]tableWriter, len(shares)), make([]error, len(shares))
	var running sync.WaitGroup
	for i, spans := range shares {
		writers[i] = tableWriter{db: db, prefix: r.task.prefix[:taskPrefix-1], fresh: r.fresh}
		if i == 0 {
			err = writers[0].add([]byte{kindPosition}, p.append(nil))
		}
		running.Go(func() { errs[i] = writers[i].write(runs, spans) })
	}
	running.Wait()
	var names []string
	for i := range writers {
		names = append(names, writers[i].names...)
	}
	if err = errors.Join(err, errors.Join(errs...)); err == nil {
		err = db.ingest(names)
	}
	if err != nil {
		db.discardTables(names)
	}
	return err
}

// A tableWriter writes Pebble's files.
type tableWriter struct {
	db     *DB
	prefix []byte // the task's number
	fresh  bool   // what is deleted need not be said
	names  []string
	now    *sstable.Writer
	size   int // of what was added to it
	key    []byte
}

// write writes what runs have in spans, and ends the last file.
func (w *tableWriter) write(runs openedRuns, spans []span) (err error) {
	defer func() {
		if w.now != nil {
			err = errors.Join(err, w.now.Close())
		}
	}()
	for _, s := range spans {
		if err := w.span(runs, s); err != nil {
			return err
		}
	}
	return nil
}

func (w *tableWriter) span(runs openedRuns, s span) error {
	sources, err := runs.in(s)
	if err != nil {
		return err
	}
	key := append([]byte(nil), s.prefix...)
	for m := mergeSources(sources); ; {
		ok, err := m.next()
		if !ok || err != nil {
			return err
		}
		behind, value := m.at()
		key = append(key[:len(s.prefix)], behind...)
		if err := w.add(key, value); err != nil {
			return err
		}
	}
}

// add adds a key without the task's number.
func (w *tableWriter) add(key, value []byte) error {
	if value == nil && w.fresh {
		return nil
	}
	if err := w.ready(); err != nil {
		return err
	}
	w.key = append(append(w.key[:0], w.prefix...), key...)
	w.size += len(key) + len(value)
	if value == nil {
		return w.now.Delete(w.key)
	}
	return w.now.Set(w.key, value)
}

// ready has a file that is not full.
func (w *tableWriter) ready() error {
	if w.now != nil {
		if w.size < tableSize {
			return nil
		}
		full := w.now
		w.now = nil
		if err := full.Close(); err != nil {
			return err
		}
	}
	name := w.db.folder.path(fmt.Sprintf("table-%d%s", w.db.runs.Add(1), runSuffix))
	f, err := w.db.cfg.FS.Open(name, vfs.Create)
	if err != nil {
		return err
	}
	w.names, w.size = append(w.names, name), 0
	w.now = sstable.NewWriter(&tableFile{f: f, buf: make([]byte, 0, tableBuffer)}, w.db.setting.MakeWriterOptions(w.level(), w.db.pebble.TableFormat()))
	return nil
}

// level is the one that a file is written for. In the last one deletions would mean
// nothing.
func (w *tableWriter) level() int {
	if w.fresh {
		return len(w.db.setting.Levels) - 1
	}
	return 0
}

// discardTables removes files, as far as Pebble has not taken them. What cannot be removed
// is left to the next Open.
func (db *DB) discardTables(names []string) {
	for _, name := range names {
		if err := db.fs().Remove(name); err != nil {
			db.cfg.Logger.Warn("a file of a restore is left over", "file", name, "error", err)
		}
	}
}

// ingest makes files part of Pebble. What Pebble has of the task in memory is written
// before, since Pebble's own wait for that does not end if the disk fails.
func (db *DB) ingest(names []string) error {
	if err := db.flushPebble(); err != nil {
		return err
	}
	if err := db.pebble.Ingest(context.Background(), names); err != nil {
		return db.failed(err)
	}
	return db.health.err()
}
