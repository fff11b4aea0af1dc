package client

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Defaults of tables.
const (
	defaultRefresh = time.Second
	defaultMaxKeys = 10_000_000
)

// A Table is a compacted topic as a map: of each key the value of its newest record. A
// record without a value removes its key. It is read from the start whenever the program
// does, kept in memory, and follows the topic; how far behind it is, [Table.Staleness]
// says. Its methods may be called by any goroutine.
//
// It takes the memory of all keys and values and about 100 bytes for each; while a topic
// that was made again is read, that of both.
type Table[T any] struct {
	tail    tail
	decode  func(*Message) (T, error)
	maxKeys int
	cancel  context.CancelFunc
	ended   chan struct{} // closed when the goroutine that reads has ended
	reader  *Consumer     // for messages

	mu struct {
		sync.RWMutex
		view     map[string]T // what is read
		next     map[string]T // what is to be read once it is whole; until then, or else the same
		aside    bool         // next is not view
		bad      map[string]error
		watchers map[*watcher]struct{}
	}
}

// A TableOption changes how a table works.
type TableOption func(*tableConfig)

type tableConfig struct {
	refresh time.Duration
	maxKeys int
}

// Refresh is how often a table looks where the topic ends; every second by default.
func Refresh(every time.Duration) TableOption { return func(c *tableConfig) { c.refresh = every } }

// MaxKeys is how many keys a table may have, 10 million by default. With more it stops
// following, and says [ErrTableFull].
func MaxKeys(n int) TableOption { return func(c *tableConfig) { c.maxKeys = n } }

// OpenTable opens a table of the JSON data of a topic's events, or of its records'
// values if they are none. It returns at once; [Table.Wait] waits until it is read. The
// topic may come later.
func OpenTable[T any](c *Client, topic string, opts ...TableOption) (*Table[T], error) {
	return OpenTableOf(c, topic, Data[T], opts...)
}

// OpenTableOf opens a table of what decode makes of events. A value that it returns an
// error for is not there, and its error is what [Table.Lookup] returns.
func OpenTableOf[T any](c *Client, topic string, decode func(*Message) (T, error), opts ...TableOption) (*Table[T], error) {
	cfg := tableConfig{refresh: defaultRefresh, maxKeys: defaultMaxKeys}
	for _, o := range opts {
		o(&cfg)
	}
	if topic == "" || cfg.refresh <= 0 || cfg.maxKeys < 1 {
		return nil, fmt.Errorf("table of topic %q: refresh %v, at most %d keys: want a topic, more than 0s and at least 1", topic, cfg.refresh, cfg.maxKeys)
	}
	t := &Table[T]{decode: decode, maxKeys: cfg.maxKeys, ended: make(chan struct{}), reader: &Consumer{client: c}}
	t.mu.view, t.mu.bad, t.mu.watchers = make(map[string]T), make(map[string]error), make(map[*watcher]struct{})
	t.tail = tail{c: c, topic: topic, refresh: cfg.refresh, begin: t.begin, apply: t.apply, whole: t.whole}
	ctx, cancel := context.WithCancel(context.Background())
	t.cancel = cancel
	go func() {
		defer close(t.ended)
		_ = t.tail.run(ctx) // which notes its error, for Staleness and Wait
	}()
	return t, nil
}

// Close ends following. What the table has can still be read.
func (t *Table[T]) Close() {
	t.cancel()
	<-t.ended
	t.tail.note(ErrClosed)
	t.mu.Lock()
	defer t.mu.Unlock()
	for w := range t.mu.watchers {
		w.close()
	}
}

// Get returns the value of a key.
func (t *Table[T]) Get(key string) (T, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	v, ok := t.mu.view[key]
	return v, ok
}

// Lookup returns the value of a key, and if there is none because it could not be
// decoded, why.
func (t *Table[T]) Lookup(key string) (value T, ok bool, err error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	value, ok = t.mu.view[key]
	return value, ok, t.mu.bad[key]
}

// Len is how many keys have a value.
func (t *Table[T]) Len() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.mu.view)
}

// Range gives all keys and values as they are when it begins, in no order. The keys are
// copied for that, and the table goes on meanwhile.
func (t *Table[T]) Range() iter.Seq2[string, T] {
	return func(yield func(string, T) bool) {
		type pair struct {
			key   string
			value T
		}
		t.mu.RLock()
		pairs := make([]pair, 0, len(t.mu.view))
		for k, v := range t.mu.view {
			pairs = append(pairs, pair{k, v})
		}
		t.mu.RUnlock()
		for _, p := range pairs {
			if !yield(p.key, p.value) {
				return
			}
		}
	}
}

// Wait waits until the table has everything that is in the topic now. It waits for
// brokers that are away and for a topic that is not there.
func (t *Table[T]) Wait(ctx context.Context) error {
	for {
		whole, err := t.wait(ctx)
		if err != nil {
			return fmt.Errorf("table of topic %s: %w", t.tail.topic, err)
		}
		if whole {
			return nil
		}
	}
}

// wait does, if the topic is not made again in between.
func (t *Table[T]) wait(ctx context.Context) (whole bool, err error) {
	e, err := t.tail.c.endsOf(ctx, t.tail.topic)
	if err != nil {
		select {
		case <-t.ended:
			return false, ErrClosed
		case <-ctx.Done():
			return false, err
		case <-time.After(commitEvery):
			return false, nil
		}
	}
	before := t.tail.id()
	err = t.tail.await(ctx, func(id kadm.TopicID, next map[int32]int64) bool {
		whole = id == e.id && behind(e, next) == 0
		return whole || id != e.id && id != before
	})
	return whole, err
}

// WaitFor waits until the table has what was produced, so that a program can read what
// it wrote: [Producer.Produce] returns the position. If the topic is made again, it
// waits for that offset there.
func (t *Table[T]) WaitFor(ctx context.Context, p Position) error {
	if p.Topic != t.tail.topic {
		return fmt.Errorf("%v is not of the table's topic %s", p, t.tail.topic)
	}
	err := t.tail.await(ctx, func(_ kadm.TopicID, next map[int32]int64) bool { return next[p.Partition] > p.Offset })
	if err != nil {
		return fmt.Errorf("table of topic %s, waiting for %v: %w", t.tail.topic, p, err)
	}
	return nil
}

// begin makes room for a reading from the start. The first is read while it comes; later
// ones when they are whole.
func (t *Table[T]) begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mu.next, t.mu.aside = t.mu.view, len(t.mu.view) > 0
	if t.mu.aside {
		t.mu.next = make(map[string]T)
	}
	clear(t.mu.bad)
}

// apply takes records. Decoding is done without the lock.
func (t *Table[T]) apply(records []*kgo.Record) error {
	changes := make([]change[T], 0, len(records))
	for _, r := range records {
		if !r.Attrs.IsControl() {
			changes = append(changes, t.change(r))
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range changes {
		if err := t.put(&changes[i]); err != nil {
			return err
		}
	}
	return nil
}

type change[T any] struct {
	key     string
	value   T
	removed bool
	err     error
}

func (t *Table[T]) change(r *kgo.Record) change[T] {
	c := change[T]{key: string(r.Key), removed: r.Value == nil}
	if c.removed {
		return c
	}
	m, err := t.reader.messageOf(r)
	if err == nil {
		c.value, err = t.decode(m)
	}
	c.err = err
	return c
}

// put makes a change. The caller holds mu.
func (t *Table[T]) put(c *change[T]) error {
	delete(t.mu.bad, c.key)
	switch {
	case c.removed:
		delete(t.mu.next, c.key)
	case c.err != nil:
		delete(t.mu.next, c.key)
		t.mu.bad[c.key] = c.err
	default:
		t.mu.next[c.key] = c.value
	}
	if n := len(t.mu.next) + len(t.mu.bad); n > t.maxKeys {
		return fmt.Errorf("%w: %d of topic %s; allow more with MaxKeys", ErrTableFull, n, t.tail.topic)
	}
	if t.mu.aside {
		return nil
	}
	for w := range t.mu.watchers {
		w.add(c.key)
	}
	return nil
}

// whole makes what was read since the beginning what is read.
func (t *Table[T]) whole() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.mu.aside {
		return
	}
	old := t.mu.view
	t.mu.view, t.mu.aside = t.mu.next, false
	for w := range t.mu.watchers {
		for key := range old {
			w.add(key)
		}
		for key := range t.mu.view {
			w.add(key)
		}
	}
}
