package process

import (
	"hash/maphash"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
)

// lane is one of the goroutines that handle records of a task at once. All records of a
// key go through the same one, in their order.
type lane struct {
	runner  *runner
	out     *outbox
	records []*kgo.Record
	indexes []int // of the records, among those of all lanes

	// What became of them.
	n       int
	failure *callError
}

// handleAtOnce gives records to the code at once, but those of one key in their order,
// and writes outputs in the order of the records. After a failure, what was done for
// later records is not counted: they come again.
func (w *worker) handleAtOnce(t *task, records []*kgo.Record) (int, *callError) {
	w.share(records)
	var all sync.WaitGroup
	for _, l := range w.lanes {
		if len(l.records) > 0 {
			all.Go(func() {
				l.n, l.failure = w.supervise(t, &l.runner, job{task: t, out: l.out, records: l.records})
			})
		}
	}
	all.Wait()
	n := len(records)
	var failure *callError
	for _, l := range w.lanes {
		if l.n < len(l.records) && l.indexes[l.n] < n {
			n, failure = l.indexes[l.n], l.failure
		}
	}
	return w.gather(n, failure)
}

// share shares records out among the lanes.
func (w *worker) share(records []*kgo.Record) {
	for len(w.lanes) < w.run.p.Concurrency {
		w.lanes = append(w.lanes, &lane{runner: newRunner(&w.hurry)})
	}
	for _, l := range w.lanes {
		l.out = newOutbox(nil) // the one before may be in the hands of a call that was given up
		l.records, l.indexes, l.n, l.failure = nil, nil, 0, nil
	}
	for i, r := range records {
		at := i
		if r.Key != nil {
			at = int(maphash.Bytes(w.run.seed, r.Key) % uint64(len(w.lanes)))
		}
		l := w.lanes[at%len(w.lanes)]
		l.records, l.indexes = append(l.records, r), append(l.indexes, i)
	}
}

// gather writes the outputs of the first n records.
func (w *worker) gather(n int, failure *callError) (int, *callError) {
	of := make([][]*held, n)
	for _, l := range w.lanes {
		for i := range l.out.held {
			h := &l.out.held[i]
			if at := l.indexes[h.input]; at < n {
				of[at] = append(of[at], h)
			}
		}
	}
	for i, outputs := range of {
		w.out.buffer.Save()
		for _, h := range outputs {
			if err := w.out.write(h.to, h.partition, &h.output); err != nil {
				w.out.buffer.Undo()
				return i, &callError{err: err}
			}
		}
	}
	return n, failure
}
