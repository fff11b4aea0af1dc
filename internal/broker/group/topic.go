package group

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kerr"
)

// topic tracks how far __consumer_offsets can be used.
type topic struct {
	wanted chan struct{}                 // somebody waits for the topic to be created; capacity 1
	ready  atomic.Pointer[[]atomic.Bool] // by partition: has it been read; nil: no topic
	closed atomic.Bool                   // set under mu

	mu struct {
		sync.Mutex
		waiting []func(*kerr.Error)
	}
}

// newTopic returns a topic whose partitions have not been read; 0: it does
// not exist.
func newTopic(partitions int32) *topic {
	t := &topic{wanted: make(chan struct{}, 1)}
	if partitions > 0 {
		loaded := make([]atomic.Bool, partitions)
		t.ready.Store(&loaded)
	}
	return t
}

// partitions returns their number; 0 while the topic does not exist.
func (t *topic) partitions() int32 {
	if loaded := t.ready.Load(); loaded != nil {
		return int32(len(*loaded))
	}
	return 0
}

// loaded notes that the partition has been read.
func (t *topic) loaded(partition int32) { (*t.ready.Load())[partition].Store(true) }

// check returns COORDINATOR_LOAD_IN_PROGRESS until the group's partition has
// been read. Without a topic there are no groups, and nothing to read.
func (t *topic) check(group string) *kerr.Error {
	if t.closed.Load() {
		return kerr.CoordinatorNotAvailable
	}
	loaded := t.ready.Load()
	if loaded == nil || (*loaded)[PartitionFor(group, int32(len(*loaded)))].Load() {
		return nil
	}
	return kerr.CoordinatorLoadInProgress
}

// checkAll is check for all groups at once.
func (t *topic) checkAll() *kerr.Error {
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

// whenThere calls f when the topic exists, with the result of check, or with
// the reason why it does not exist. It has the topic created if need be.
func (t *topic) whenThere(group string, f func(*kerr.Error)) {
	then := func(err *kerr.Error) {
		if err == nil {
			err = t.check(group)
		}
		f(err)
	}
	if t.partitions() > 0 || !t.park(then) {
		then(nil)
	}
}

// park keeps f until the topic has been created or cannot be. It returns false
// if there is nothing to wait for.
func (t *topic) park(f func(*kerr.Error)) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.partitions() > 0 || t.closed.Load() {
		return false
	}
	t.mu.waiting = append(t.mu.waiting, f)
	notify(t.wanted)
	return true
}

// create creates the topic and lets go who waits for it.
func (t *topic) create(ctx context.Context, store Store) error {
	partitions, err := store.Create(ctx)
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

// close turns away who waits, now and later.
func (t *topic) close() {
	t.release(kerr.CoordinatorNotAvailable, func() { t.closed.Store(true) })
}

// release answers those who wait, once change has been made under the lock.
func (t *topic) release(err *kerr.Error, change func()) {
	t.mu.Lock()
	change()
	waiting := t.mu.waiting
	t.mu.waiting = nil
	t.mu.Unlock()
	for _, f := range waiting {
		f(err)
	}
}
