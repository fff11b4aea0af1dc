package state

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
)

// A DB has the state of all tasks of a version of a processor that are, or were, on this
// node. Its methods may be called by many goroutines.
type DB struct {
	cfg        Config
	folder     folder
	stores     map[string]*StoreConfig
	memory     *Memory
	own        bool  // memory is this DB's own
	memtable   int64 // how large a memtable is, in bytes
	pebble     *pebble.DB
	setting    *pebble.Options
	lock       *pebble.Lock
	health     health
	compacting *compacting
	metrics    *metrics

	// unchecked is about how many bytes Pebble was given since it was looked at how many
	// wait to be written; flushed is when that was last begun by time, Unix ms.
	unchecked, flushed atomic.Int64
	uncommitted        atomic.Int64 // as unchecked, of what is committed
	late               atomic.Bool  // all that is pending is to be written
	drainer            drainer
	runs               atomic.Int64 // files of runs made
	gate               gate         // whoever uses pebble is inside
	opened             atomic.Bool  // Open is over

	mu struct {
		sync.Mutex
		tasks map[int32]*Task
	}
}

// Open opens the state in a folder, or begins one. State that is damaged is discarded,
// and that is logged: it is made again from the changelog.
func Open(cfg Config) (*DB, error) {
	cfg.setDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	db := &DB{cfg: cfg, folder: folder{cfg.FS, cfg.Dir}, memory: cfg.Memory, stores: make(map[string]*StoreConfig)}
	for i := range cfg.Stores {
		db.stores[cfg.Stores[i].Name] = &cfg.Stores[i]
	}
	db.mu.tasks = make(map[int32]*Task)
	db.gate.init()
	if db.memory == nil {
		db.memory, db.own = NewMemory(Limits{}), true
	}
	db.memtable = db.memory.join()
	if err := db.open(); err != nil {
		return nil, fmt.Errorf("open state in %s: %w", cfg.Dir, errors.Join(err, db.release()))
	}
	return db, nil
}

// open opens Pebble, a second time with an empty folder if it is damaged.
func (db *DB) open() (err error) {
	if err := db.cfg.FS.MkdirAll(db.cfg.Dir); err != nil {
		return err
	}
	if db.lock, err = pebble.LockDirectory(db.cfg.Dir, db.fs()); err != nil {
		return err
	}
	if err = db.openFolder(); isCorrupt(err) {
		db.cfg.Logger.Error("state is damaged: it is discarded, and made again from the changelog", "processor", db.cfg.Processor, "dir", db.cfg.Dir, "error", err)
		if err := db.startOver(); err != nil {
			return err
		}
		err = db.openFolder()
	}
	if err != nil {
		return err
	}
	db.opened.Store(true)
	db.compacting.start()
	db.drainer.start(db.drainSome)
	db.metrics, err = newMetrics(db)
	return err
}

func (db *DB) fs() pebbleFS { return pebbleFS{db.cfg.FS, db} }

// startOver empties the folder, after damage was found in it. Pebble may have opened it
// all the same, and have found the damage then.
func (db *DB) startOver() error {
	if db.pebble != nil {
		if err := db.pebble.Close(); err != nil {
			db.cfg.Logger.Warn("Pebble was not closed in order", "dir", db.cfg.Dir, "error", err)
		}
		db.pebble = nil
	}
	db.health.forget()
	return db.folder.discard()
}

func isCorrupt(err error) bool { return errors.Is(err, ErrCorrupt) }

// openFolder opens Pebble once.
func (db *DB) openFolder() error {
	exists, err := db.folder.check()
	if err != nil {
		return err
	}
	if err := db.folder.removeLeftovers(); err != nil {
		return err
	}
	db.compacting = &compacting{all: db.memory.compactions}
	db.setting = db.options()
	db.setting.Lock = db.lock
	opened, err := pebble.Open(db.cfg.Dir, db.setting)
	if err != nil {
		db.compacting.Unregister()
		return openError(err, exists)
	}
	db.pebble = opened
	if err := db.health.err(); exists || err != nil {
		return err
	}
	return db.folder.finish()
}

// Close writes what is in memory to disk, unless the DB has failed, and closes it. It
// waits for those who use it just now; ranges under way end with ErrClosed.
func (db *DB) Close() error {
	if !db.gate.close() {
		return nil
	}
	db.drainer.stop()
	err := db.health.err()
	if err == nil {
		err = db.flush()
	}
	return errors.Join(err, db.release())
}

// release gives back what the DB has taken, as far as it came.
func (db *DB) release() error {
	var errs []error
	db.drainer.stop()
	if db.metrics != nil {
		db.metrics.registered.Close()
	}
	if db.pebble != nil {
		errs = append(errs, db.pebble.Close())
	}
	if db.lock != nil {
		errs = append(errs, db.lock.Close())
	}
	db.memory.countTasks(-len(db.mu.tasks))
	db.memory.leave()
	if db.own {
		db.memory.Close()
	}
	return errors.Join(errs...)
}

// enter says that pebble can be used until exit is called.
func (db *DB) enter() error {
	if !db.gate.enter() {
		return fmt.Errorf("%w: %s", ErrClosed, db.cfg.Dir)
	}
	return nil
}

func (db *DB) exit() { db.gate.leave() }

// Err is why the DB can be of no more use, or nil: then it has to be closed, and can be
// opened again.
func (db *DB) Err() error { return db.health.err() }

// openError is why Pebble cannot open the folder. What is no matter of the disk itself
// is damage.
func openError(err error, exists bool) error {
	pathErr, onDisk := errors.AsType[*fs.PathError](err)
	if !exists || onDisk && !errors.Is(pathErr, fs.ErrNotExist) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrCorrupt, err)
}

// usable says why what was read does not count, or the next thing should not be.
func (db *DB) usable() error {
	if db.gate.closed.Load() {
		return fmt.Errorf("%w: %s", ErrClosed, db.cfg.Dir)
	}
	return db.health.err()
}
