package window

import "time"

// MaxLength is how many offsets with records a window has at most, however large
// the batches are: if no two neighbours were alike, their snapshot would still fit
// into a record batch of 1 MiB.
const MaxLength = 1 << 15

// Span is a stored batch, by the offsets of its first and last record.
type Span struct {
	First, Last int64
	// Skip says that its records are for nobody: it is a control batch, or belongs
	// to an aborted transaction and the group reads committed records only.
	Skip bool
}

// Acquisition says for whom records are acquired, and how many.
type Acquisition struct {
	Member string
	Until  time.Time // when the lock runs out
	// Records is how many are wanted. Unless Exact (KIP-1206: record limit), the
	// batch with which that is reached is taken whole.
	Records int
	Exact   bool
	// BatchSize is about how many records a range of the answer should have, so
	// that clients can acknowledge so many at once; 0: it does not matter.
	BatchSize int
	// Locks bounds the window, and is less than MaxLength: the window does not grow
	// once it has so many offsets.
	Locks int
	// Limit is how often a record may be delivered.
	Limit int
}

// Range is records that were acquired together.
type Range struct {
	First, Last int64
	Deliveries  int16 // with this one
}

// Acquire locks records for a member. The caller read the log from offset from
// on and found spans, in order; what lies between them is not in the log. It
// gives the ranges that were acquired, in order.
func (w *Window) Acquire(a Acquisition, from int64, spans []Span) []Range {
	t := taking{window: w, Acquisition: a}
	at := max(from, w.start)
	for _, s := range spans {
		if s.Last < at {
			continue
		}
		if s.First > at {
			t.pass(at, s.First-1)
		}
		if s.Skip {
			t.pass(s.First, s.Last)
		} else {
			t.take(s.First, s.Last)
		}
		at = s.Last + 1
		if t.done || len(t.ranges) > 0 && t.taken >= int64(a.Records) {
			break
		}
	}
	w.edit(t.edits)
	return t.ranges
}

// taking is an Acquire at work. It only lengthens the window; what it takes are
// edits to come.
type taking struct {
	Acquisition
	window *Window
	edits  []edit
	ranges []Range
	taken  int64
	lock   *lock
	done   bool // nothing more can be taken
}

// room is how many offsets the window may still grow.
func (t *taking) room() int64 { return max(0, int64(t.Locks)-(t.window.end-t.window.start)) }

// pass is for offsets that are nobody's.
func (t *taking) pass(first, last int64) {
	if first < t.window.end {
		t.edits = append(t.edits, edit{first, min(last, t.window.end-1), vanish})
	}
	if last >= t.window.end {
		if t.room() == 0 {
			t.done = true
			return
		}
		t.window.extend(last, Archived)
	}
}

// take is for the offsets of a batch.
func (t *taking) take(first, last int64) {
	batch := true // a range of the answer may end here
	for _, r := range t.window.over(first, last) {
		if t.done {
			return
		}
		if r.state != Available {
			continue
		}
		t.add(max(first, r.first), min(last, r.last), r.deliveries, batch)
		batch = false
	}
	if at := max(first, t.window.end); at <= last && !t.done {
		t.grow(last, batch)
	}
}

// grow takes records that the window has not reached yet.
func (t *taking) grow(last int64, batch bool) {
	room := t.room()
	if room == 0 {
		t.done = true
		return
	}
	first := t.window.end
	last = min(last, t.window.start+MaxLength-1)
	if t.Exact {
		last = min(last, first+min(room, int64(t.Records)-t.taken)-1)
	}
	if last >= first {
		t.window.extend(last, Available)
		t.add(first, last, 0, batch)
	}
}

// add takes available records that were delivered so many times before.
func (t *taking) add(first, last int64, deliveries int16, batch bool) {
	most := last - first + 1
	if t.Exact {
		most = min(most, int64(t.Records)-t.taken)
	}
	if part := portion(most, deliveries, t.Limit); part > 0 {
		t.done = true
		if most = part; t.taken > 0 {
			return
		}
	}
	if most <= 0 {
		t.done = true
		return
	}
	if t.lock == nil {
		t.lock = &lock{t.Member, t.Until}
	}
	last = first + most - 1
	t.edits = append(t.edits, edit{first, last, t.acquire})
	t.taken += most
	t.tell(Range{first, last, deliveries + 1}, batch)
}

func (t *taking) acquire(r *run) {
	r.state, r.lock = Acquired, t.lock
	r.deliveries++
}

// tell adds r to the answer.
func (t *taking) tell(r Range, batch bool) {
	if n := len(t.ranges); n > 0 {
		last := &t.ranges[n-1]
		full := batch && t.BatchSize > 0 && last.Last-last.First+1 >= int64(t.BatchSize)
		if last.Last+1 == r.First && last.Deliveries == r.Deliveries && !full {
			last.Last = r.Last
			return
		}
	}
	t.ranges = append(t.ranges, r)
}

// portion is how many of n records may be delivered together, and alone, that
// were delivered too often already; 0 if there is no need. One bad record can make
// a member fail at all that it got with it: so from half of the limit on they come
// in ever smaller portions, and for the last time one by one.
func portion(n int64, deliveries int16, limit int) int64 {
	half := max(2, (limit+1)/2)
	switch d := int(deliveries); {
	case d < half || d >= limit:
		return 0
	case d == limit-1:
		return 1
	default:
		return max(1, n>>(d-half+1))
	}
}
