package state

import (
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
)

func isEOF(err error) bool { return errors.Is(err, io.EOF) }

// pebbleFormat is the version of Pebble's own format. A later one is a later version of
// the folder.
const pebbleFormat = pebble.FormatTableFormatV6

const (
	// stallMemtables is how many memtables, of full size, may wait to be written; Pebble
	// itself never stops writers, since it could not wake them up when the disk fails.
	stallMemtables = 2
	// stallFiles is how many files a read may have to look into before writers wait for
	// compactions.
	stallFiles = 32
	unlimited  = 1 << 20
)

// options are Pebble's for a DB.
func (db *DB) options() *pebble.Options {
	o := &pebble.Options{
		FS:                          db.fs(),
		Cache:                       db.memory.cache,
		FileCache:                   db.memory.files,
		FormatMajorVersion:          pebbleFormat,
		DisableWAL:                  true,
		MemTableSize:                uint64(db.memtable),
		MemTableStopWritesThreshold: unlimited,
		L0CompactionThreshold:       12,
		L0StopWritesThreshold:       unlimited,
		LBaseMaxBytes:               64 << 20,
		MaxManifestFileSize:         1 << 20,
		NumPrevManifest:             1,
		Logger:                      &pebbleLogger{db},
		EventListener:               db.events(),
	}
	o.Experimental.CompactionScheduler = db.compacting
	// Where timers fire, or keys expire, each file is full of deletions, and Pebble would
	// write all of the state again for each of them.
	o.Experimental.TombstoneDenseCompactionThreshold = -1
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
		o.Levels[i].IndexBlockSize = 256 << 10 // or each read would look into two of them
	}
	// Pebble looks into no filter of the last level, where most keys are.
	o.Levels[len(o.Levels)-1].FilterPolicy = pebble.NoFilterPolicy
	o.EnsureDefaults()
	return o
}

// events tells of what Pebble does by itself.
func (db *DB) events() *pebble.EventListener {
	return &pebble.EventListener{
		BackgroundError: func(err error) { db.failed(err) },
		DataCorruption:  func(i pebble.DataCorruptionInfo) { db.failed(fmt.Errorf("%w: %s: %v", ErrCorrupt, i.Path, i.Details)) },
		FlushEnd:        func(pebble.FlushInfo) { db.health.ring() },
		CompactionEnd:   func(pebble.CompactionInfo) { db.health.ring() },
	}
}

// pebbleLogger takes what Pebble says.
type pebbleLogger struct{ db *DB }

func (l *pebbleLogger) Infof(string, ...any) {}

func (l *pebbleLogger) Errorf(format string, args ...any) {
	l.db.cfg.Logger.Warn("Pebble reports an error", "dir", l.db.cfg.Dir, "error", fmt.Sprintf(format, args...))
}

// Fatalf is called where Pebble would end the process: it cannot write its manifest. It
// returns, and so does Pebble, with an error; nothing that is read or written afterwards
// counts, since each call of the DB looks whether it has failed.
func (l *pebbleLogger) Fatalf(format string, args ...any) {
	l.db.failed(fmt.Errorf(format, args...))
}

// failed notes that the DB is of no more use.
func (db *DB) failed(err error) error {
	if pebble.IsCorruptionError(err) || errors.Is(err, ErrCorrupt) {
		err = fmt.Errorf("%w in %s: %v", ErrCorrupt, db.cfg.Dir, err)
	} else {
		err = fmt.Errorf("%w in %s: %w", ErrFailed, db.cfg.Dir, err)
	}
	if !db.health.fail(err) {
		return db.health.err()
	}
	if errors.Is(err, ErrCorrupt) {
		if e := db.folder.condemn(); e != nil {
			err = errors.Join(err, e)
		}
	}
	db.cfg.Logger.Error("state cannot be used any more", "processor", db.cfg.Processor, slog.Any("error", err))
	return err
}
