package consume

import (
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/tool/offset"
)

// end knows how far there is still to go in each partition that is consumed.
// Once reached, it stays so. Its methods may be called on nil, which is no end,
// and concurrently: a group's partitions come and go on the client's goroutine.
type end struct {
	mu sync.Mutex
	// ends has the end of every partition that was ever consumed, left those
	// that are not there yet, and next what comes next in each.
	ends map[offset.Partition]int64
	left map[offset.Partition]bool
	next map[offset.Partition]int64

	done chan struct{} // closed when reached
}

func newEnd() *end {
	return &end{
		ends: map[offset.Partition]int64{}, left: map[offset.Partition]bool{}, next: map[offset.Partition]int64{},
		done: make(chan struct{}),
	}
}

// add adds partitions that are consumed from span.Start until before span.End.
func (e *end) add(partitions map[offset.Partition]offset.Span) {
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for p, span := range partitions {
		e.ends[p], e.next[p] = span.End, span.Start
		if span.Start < span.End {
			e.left[p] = true
		}
	}
	e.check()
}

// remove removes partitions that another member of the group has now. It does
// not reach the end: there may be others to come.
func (e *end) remove(lost map[string][]int32) {
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for topic, partitions := range lost {
		for _, p := range partitions {
			delete(e.left, offset.Partition{Topic: topic, Partition: p})
		}
	}
}

// pass says that r comes next, and tells whether it is before the end.
func (e *end) pass(r *kgo.Record) bool {
	if e == nil {
		return true
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	p := offset.Partition{Topic: r.Topic, Partition: r.Partition}
	end, known := e.ends[p]
	e.next[p] = r.Offset + 1
	if known && r.Offset+1 >= end {
		delete(e.left, p)
		e.check()
	}
	return !known || r.Offset < end
}

// ahead names a partition that is not at its end yet, and that end; ok is false
// if there is none.
func (e *end) ahead() (p offset.Partition, at int64, ok bool) {
	if e == nil {
		return p, 0, false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for p := range e.left {
		return p, e.ends[p], true
	}
	return p, 0, false
}

// gaps are the partitions that are not at their ends yet, with what is left of
// them.
func (e *end) gaps() map[offset.Partition]offset.Span {
	e.mu.Lock()
	defer e.mu.Unlock()
	gaps := map[offset.Partition]offset.Span{}
	for p := range e.left {
		gaps[p] = offset.Span{Start: e.next[p], End: e.ends[p]}
	}
	return gaps
}

// passGap says that nothing stands in what is left of a partition.
func (e *end) passGap(p offset.Partition, gap offset.Span) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.next[p] == gap.Start && e.ends[p] == gap.End {
		delete(e.left, p)
		e.check()
	}
}

// check closes done if nothing is left. The caller holds mu.
func (e *end) check() {
	if len(e.left) == 0 && !isClosed(e.done) {
		close(e.done)
	}
}

// reached is closed once all partitions are at their end; nil if there is none.
func (e *end) reached() <-chan struct{} {
	if e == nil {
		return nil
	}
	return e.done
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
