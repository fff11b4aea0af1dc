package txn

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/evidentlog/evident/internal/broker/txn/transaction"
)

// maxWaiting is how many requests of one transactional id may wait. A producer
// has five in flight to a partition.
const maxWaiting = 256

// entry is one transactional id.
type entry struct {
	id        string
	partition int32 // of __transaction_state

	// value is durable, or follows from one that is ([Coordinator.complete]), but for
	// that of an entry that is just being made, whose epoch is negative, and for
	// partitions of a transaction that is going on (see joins). It is replaced with
	// mu held.
	value atomic.Pointer[transaction.Value]

	mu struct {
		sync.Mutex
		// storing is on its way to the disk, on behalf of asked, if not nil.
		storing *transaction.Value
		asked   *request
		// joins are values with more partitions, on their way to the disk, that
		// count already; last is the newest of them. unstored says that there is
		// none, and that the disk may not have the partitions of value.
		joins    int
		last     *joining
		unstored bool
		// waiting are requests whose turn has not come, in the order in which they
		// came. While serving, one goroutine answers them or their predecessor.
		waiting []*request
		serving bool
		// While the value is prepared: the partitions that have no marker yet, and
		// how many of them are being written to.
		unmarked transaction.Partitions
		marking  int
		stuck    bool // markers could not be written, which is to be tried again
		gone     bool // takes no more requests
	}
}

// request is something that wants to know, or change, the value.
type request struct {
	// decide is called with the entry locked, with the time in ms since the epoch
	// and a fresh producer id or transaction.NoID.
	decide func(v *transaction.Value, now, freshID int64) transaction.Step
	// answer is called once, without the lock.
	answer func(transaction.Producer, *kerr.Error)
	waits  bool // answer may wait for a partition, unless it is given an error
	adds   bool // partitions, which have to be durable before the client is answered
	// stored, if not nil, says that the request need not be durable before it is
	// answered without error. It is called once then, without the lock, when that
	// is durable or cannot be.
	stored func(*kerr.Error)

	step    transaction.Step // what decide came to
	joining *joining         // what is to be stored of it beside what follows the answer
	settled bool             // it is durable already
	since   time.Time        // when it began to wait
	freshID int64
}

// reply answers according to what decide came to.
func (r *request) reply() {
	if r.step.Err != nil {
		r.refuse(r.step.Err)
		return
	}
	r.answer(r.step.Producer, nil)
	if r.settled {
		r.stored(nil)
	}
}

func (r *request) refuse(err *kerr.Error) { r.answer(transaction.None, err) }

// enter has r wait for its turn. It returns whether the caller is to serve, and
// whether r was taken at all.
func (e *entry) enter(r *request) (serve, taken bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.mu.gone || len(e.mu.waiting) >= maxWaiting {
		return false, false
	}
	serve = e.idle()
	e.mu.serving = e.mu.serving || serve
	r.since, r.freshID = time.Now(), transaction.NoID
	e.mu.waiting = append(e.mu.waiting, r)
	return serve, true
}

// idle tells whether nothing is under way and nobody waits. The lock is held.
func (e *entry) idle() bool {
	return e.mu.storing == nil && !e.mu.serving && len(e.mu.waiting) == 0
}

// next asks on behalf of the first request that waits. What it returns is the
// server's to carry out: an answer, a value to store, or an id to fetch. With
// none, serving has ended.
func (e *entry) next() *request {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.mu.storing != nil || len(e.mu.waiting) == 0 {
		e.mu.serving = false
		return nil
	}
	r := e.mu.waiting[0]
	if e.mu.joins > 0 && r.stored == nil {
		e.mu.serving = false // what is on its way comes first
		return nil
	}
	r.step = r.decide(e.value.Load(), time.Now().UnixMilli(), r.freshID)
	if r.adds && r.step.Held() && e.mu.unstored {
		r.step.Next, r.step.Early = e.value.Load(), true
	}
	switch {
	case r.step.Wait:
		e.mu.serving = false
		return nil
	case r.step.NeedID:
		return r
	case r.stored != nil && (r.step.Early || r.step.Held()):
		e.joinEarly(r)
	case r.step.Next != nil && e.mu.joins > 0:
		e.mu.serving = false
		return nil
	case r.step.Next != nil:
		e.mu.storing, e.mu.asked, e.mu.serving = r.step.Next, r, false
	}
	e.mu.waiting[0] = nil
	e.mu.waiting = e.mu.waiting[1:]
	return r
}

// withdraw takes r out of the queue, if it is still the first.
func (e *entry) withdraw(r *request) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.mu.waiting) == 0 || e.mu.waiting[0] != r {
		return false
	}
	e.mu.waiting = e.mu.waiting[1:]
	return true
}

// takeWaiting empties the queue. The lock is held.
func (e *entry) takeWaiting() []*request {
	all := e.mu.waiting
	e.mu.waiting = nil
	return all
}

func refuseAll(all []*request, err *kerr.Error) {
	for _, r := range all {
		r.refuse(err)
	}
}
