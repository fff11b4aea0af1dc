package state

import (
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/evidentlog/evident/internal/vfs"
)

// tableSize is how many bytes of keys and values are in a file that a restore hands to
// Pebble.
const tableSize = 64 << 20

// merge hands all runs to Pebble, with the position behind them: all or nothing.
func (r *Restore) merge(p Position) error {
	r.run.sort()
	var sources []source
	for _, name := range r.files {
		f, err := openRun(r.task.db.cfg.FS, name)
		if err != nil {
			return errors.Join(err, closeSources(sources))
		}
		sources = append(sources, f)
	}
	sources = append(sources, &runReader{run: &r.run})
	m, err := mergeSources(sources)
	w := tableWriter{db: r.task.db, prefix: r.task.prefix[:taskPrefix-1], fresh: r.fresh}
	if err == nil {
		err = w.write(m, p)
	}
	if err = errors.Join(err, closeSources(sources)); err == nil {
		err = r.task.db.ingest(w.names)
	}
	if err != nil {
		w.discard()
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

// write writes the position and all of a merge.
func (w *tableWriter) write(m *merged, p Position) (err error) {
	defer func() {
		if w.now != nil {
			err = errors.Join(err, w.now.Close())
		}
	}()
	if err := w.add([]byte{kindPosition}, p.append(nil)); err != nil {
		return err
	}
	for {
		ok, err := m.next()
		if !ok || err != nil {
			return err
		}
		if err := w.add(m.at()); err != nil {
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

// discard removes the files, as far as Pebble has not taken them. What cannot be removed
// is left to the next Open.
func (w *tableWriter) discard() {
	for _, name := range w.names {
		if err := w.db.fs().Remove(name); err != nil {
			w.db.cfg.Logger.Warn("a file of a restore is left over", "file", name, "error", err)
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
