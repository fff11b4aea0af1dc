package statetopic

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kerr"
)

// Topic tracks how far a coordinator's topic can be used. Its methods may be
// called concurrently.
type Topic struct {
	store  Store
	found  int32                         // partitions that there were when the broker started
	wanted chan struct{}                 // somebody waits for the topic to be created; capacity 1
	ready  atomic.Pointer[[]atomic.Bool] // by partition: has it been read; nil: no topic
	closed atomic.Bool                   // set under mu

	mu struct {
		sync.Mutex
		waiting []func(*kerr.Error)
	}
}

// New returns a topic whose partitions have not been read.
func New(store Store) *Topic {
	t := &Topic{store: store, found: store.Partitions(), wanted: make(chan struct{}, 1)}
	if t.found > 0 {
		loaded := make([]atomic.Bool, t.found)
		t.ready.Store(&loaded)
	}
	return t
}

// Partitions returns their number; 0 while the topic does not exist.
func (t *Topic) Partitions() int32 {
	if loaded := t.ready.Load(); loaded != nil {
		return int32(len(*loaded))
	}
	return 0
}

// PartitionFor returns the partition that keeps the key. The topic must exist.
func (t *Topic) PartitionFor(key string) int32 { return PartitionFor(key, t.Partitions()) }

// Check returns COORDINATOR_LOAD_IN_PROGRESS until the key's partition has
// been read. Without a topic there is no state, and nothing to read.
func (t *Topic) Check(key string) *kerr.Error {
	if t.closed.Load() {
		return kerr.CoordinatorNotAvailable
	}
	loaded := t.ready.Load()
	if loaded == nil || (*loaded)[PartitionFor(key, int32(len(*loaded)))].Load() {
		return nil
	}
	return kerr.CoordinatorLoadInProgress
}

// CheckAll is Check for all keys at once.
func (t *Topic) CheckAll() *kerr.Error {
	if t.closed.Load() {
		return kerr.CoordinatorNotAvailable
	}
	loaded := t.ready.Load()
	if loaded == nil {
		return nil
	}
	for i := range *loaded {
		if !(*loaded)[i].Load() {
			return kerr.CoordinatorLoadInProgress
		}
	}
	return nil
}

// Loaded tells whether the partition exists and has been read.
func (t *Topic) Loaded(partition int32) bool {
	loaded := t.ready.Load()
	return loaded != nil && int(partition) < len(*loaded) && (*loaded)[partition].Load()
}

// WhenThere calls f when the topic exists, with the result of Check, or with
// the reason why it does not exist. It has the topic created if need be.
func (t *Topic) WhenThere(key string, f func(*kerr.Error)) {
	then := func(err *kerr.Error) {
		if err == nil {
			err = t.Check(key)
		}
		f(err)
	}
	if t.Partitions() > 0 || !t.park(then) {
		then(nil)
	}
}

// park keeps f until the topic has been created or cannot be. It returns false
// if there is nothing to wait for.
func (t *Topic) park(f func(*kerr.Error)) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.Partitions() > 0 || t.closed.Load() {
		return false
	}
	t.mu.waiting = append(t.mu.waiting, f)
	select {
	case t.wanted <- struct{}{}:
	default:
	}
	return true
}

// Wanted tells that somebody waits for the topic: Create is to be called.
func (t *Topic) Wanted() <-chan struct{} { return t.wanted }

// Create creates the topic, unless it exists, and lets go who waits for it.
func (t *Topic) Create(ctx context.Context) error {
	if t.Partitions() > 0 {
		return nil
	}
	partitions, err := t.store.Create(ctx)
	var answer *kerr.Error
	if err != nil {
		answer = kerr.CoordinatorNotAvailable
	}
	t.release(answer, func() {
		if err != nil {
			return
		}
		loaded := make([]atomic.Bool, partitions)
		for i := range loaded {
			loaded[i].Store(true) // it is new: nothing to read
		}
		t.ready.Store(&loaded)
	})
	return err
}

// Close turns away who waits, now and later.
func (t *Topic) Close() {
	t.release(kerr.CoordinatorNotAvailable, func() { t.closed.Store(true) })
}

// release answers those who wait, once change has been made under the lock.
func (t *Topic) release(err *kerr.Error, change func()) {
	t.mu.Lock()
	change()
	waiting := t.mu.waiting
	t.mu.waiting = nil
	t.mu.Unlock()
	for _, f := range waiting {
		f(err)
	}
}
