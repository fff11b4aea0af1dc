package state

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"math"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// A Store is one of the keyed states of a task, as the step under way sees it.
type Store struct {
	tx     *Tx
	prefix []byte // of its keys in Pebble
	ttl    time.Duration
	err    error // why it cannot be used
}

// Store is the store of that name; each use of one that the processor does not declare
// is an error.
func (tx *Tx) Store(name string) *Store {
	if s := tx.stores[name]; s != nil {
		return s
	}
	c := tx.task.db.stores[name]
	if c == nil {
		return &Store{tx: tx, err: fmt.Errorf("%w: %q: the processor has to declare it", ErrNoStore, name)}
	}
	s := &Store{tx: tx, prefix: appendKey(bytes.Clone(tx.task.prefix), name, nil), ttl: c.TTL}
	tx.stores[name] = s
	return s
}

// usable says why the store cannot be used.
func (s *Store) usable() error {
	if s.err == nil && !s.tx.open {
		return errNoStep
	}
	return s.err
}

var errNoStep = errors.New("the step has ended")

// Get returns the value of a key; ok is false without one.
func (s *Store) Get(key []byte) (value []byte, ok bool, err error) {
	if err := s.usable(); err != nil {
		return nil, false, err
	}
	i, err := s.tx.load(s.keyOf(key))
	if err != nil {
		return nil, false, err
	}
	e := &s.tx.entries[i]
	if !e.alive(s.tx.now) {
		return nil, false, nil
	}
	return valueOf(e.value, e.until), true, nil
}

// alive says whether the key is there at a time.
func (e *entry) alive(now int64) bool {
	return e.value != nil && (e.until == never || e.until > now)
}

// valueOf is the value within that of a change that is well formed.
func valueOf(value []byte, until int64) []byte {
	if until == never {
		return value[1:]
	}
	return value[1+expirySize:]
}

// Put sets the value of a key, which lives as long as the store's are to.
func (s *Store) Put(key, value []byte) error {
	if s.ttl == 0 {
		return s.put(key, value, never)
	}
	return s.put(key, value, expiresAfter(s.tx.now, s.ttl))
}

// expiresAfter is a time in Unix ms, at most the last there is.
func expiresAfter(now int64, ttl time.Duration) int64 {
	ms := max(1, ttl.Milliseconds())
	if now > math.MaxInt64-ms {
		return math.MaxInt64
	}
	return now + ms
}

// PutUntil sets a value that is gone from a time on, to the millisecond; the zero time is
// never. If that is past, the key is deleted.
func (s *Store) PutUntil(key, value []byte, until time.Time) error {
	switch at := until.UnixMilli(); {
	case until.IsZero():
		return s.put(key, value, never)
	case at <= s.tx.now:
		return s.Delete(key)
	default:
		return s.put(key, value, at)
	}
}

func (s *Store) put(key, value []byte, until int64) error {
	if err := s.usable(); err != nil {
		return err
	}
	if n := len(s.prefix) + len(key) + 1 + expirySize + len(value); n > s.tx.task.db.cfg.MaxRecord {
		return fmt.Errorf("%w: a key of %d bytes with a value of %d makes a record of %d: at most %d are allowed", ErrTooLarge, len(key), len(value), n, s.tx.task.db.cfg.MaxRecord)
	}
	i := s.tx.touch(s.keyOf(key))
	e := &s.tx.entries[i]
	e.value = appendValue(s.tx.arena.alloc(1+expirySize+len(value)), value, until)
	e.until = until
	return nil
}

// Delete removes a key, if it is there.
func (s *Store) Delete(key []byte) error {
	if err := s.usable(); err != nil {
		return err
	}
	s.tx.remove(s.keyOf(key))
	return nil
}

// keyOf is the key in Pebble. It is valid until the next call.
func (s *Store) keyOf(key []byte) []byte {
	s.tx.buf = append(append(s.tx.buf[:0], s.prefix...), key...)
	return s.tx.buf
}

// remove deletes a key in Pebble.
func (tx *Tx) remove(key []byte) {
	i, hash := tx.find(key)
	if i >= 0 && tx.entries[i].value == nil && tx.entries[i].flags&entryUnknown == 0 {
		return // it is not there
	}
	i = tx.touchAt(i, hash, key)
	tx.entries[i].value, tx.entries[i].until = nil, never
}

// touch makes the entry of a key in Pebble one that the step changes, and can undo.
func (tx *Tx) touch(key []byte) int {
	i, hash := tx.find(key)
	return tx.touchAt(i, hash, key)
}

// touchAt is touch of what find has found.
func (tx *Tx) touchAt(i int, hash uint32, key []byte) int {
	if i < 0 {
		i = tx.add(key, hash)
		tx.entries[i].flags = entryUnknown
	}
	e := &tx.entries[i]
	tx.undo = append(tx.undo, undo{int32(i), e.flags, e.value, e.until})
	if e.flags&entryDirty == 0 {
		tx.dirty = append(tx.dirty, int32(i))
	}
	e.flags = e.flags&^entryUnknown | entryDirty
	return i
}

// load is the entry of a key in Pebble, which is looked up there if it is not known.
func (tx *Tx) load(key []byte) (int, error) {
	i, hash := tx.find(key)
	if i >= 0 && tx.entries[i].flags&entryUnknown == 0 {
		return i, nil
	}
	value, until, err := tx.task.read(key, hash, &tx.arena)
	if err != nil {
		return 0, err
	}
	if i < 0 {
		i = tx.add(key, hash)
	}
	e := &tx.entries[i]
	e.value, e.until = value, until
	e.flags &^= entryUnknown
	if value == nil {
		e.flags |= entryAbsent
	}
	return i, nil
}

// read reads the value of a change that was committed into an arena; it is nil if the key
// is not there.
func (t *Task) read(key []byte, hash uint32, a *arena) (value []byte, until int64, err error) {
	if err := t.db.enter(); err != nil {
		return nil, 0, err
	}
	defer t.db.exit()
	value, known := t.pending.get(key, hash, a)
	if !known {
		value, err = t.readPebble(key, a)
	}
	if err == nil && value != nil {
		if _, until, err = parseValue(value); err != nil {
			err = t.db.readError(fmt.Errorf("%w: key %x: %w", ErrCorrupt, head(key), err))
		}
	}
	if err != nil {
		return nil, 0, err
	}
	return value, until, t.db.health.err()
}

// readPebble reads the value of a change in Pebble.
func (t *Task) readPebble(key []byte, a *arena) ([]byte, error) {
	b, closer, err := t.db.pebble.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, t.db.readError(err)
	}
	value := a.copy(b)
	if err := closer.Close(); err != nil {
		return nil, t.db.readError(err)
	}
	return value, nil
}

// Range goes through the keys from `from` up to but without `to` in their order; nil is
// the beginning, and the end. A key that is changed meanwhile may be given as it was or
// as it is. An entry is valid until the next one. The last pair may be an error.
func (s *Store) Range(from, to []byte) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		if err := s.usable(); err != nil {
			yield(Entry{}, err)
			return
		}
		s.tx.scan(s.prefix, from, to, yield)
	}
}
