package window

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"pgregory.net/rapid"
)

// known is what the model knows of one record.
type known struct {
	state      State
	member     string
	until      time.Time
	deliveries int16
}

// model keeps each offset by itself, and checks a window after each step.
type model struct {
	w       *Window
	records map[int64]known // from the window's start on; the rest was never given out
	start   int64
	fate    Fate
	now     time.Time

	batches   []Span // of the log
	logStart  int64
	delivered map[int64]int   // how often each offset was given out
	done      map[int64]State // what became of it
}

func newModel() *model {
	return &model{
		w: New(0), records: map[int64]known{}, fate: Fate{Limit: 3}, now: time.Unix(1_000_000, 0),
		delivered: map[int64]int{}, done: map[int64]State{},
	}
}

func (m *model) logEnd() int64 {
	if len(m.batches) == 0 {
		return 0
	}
	return m.batches[len(m.batches)-1].Last + 1
}

// spans are the batches of the log from the one with an offset on.
func (m *model) spans(from int64) []Span {
	i := slices.IndexFunc(m.batches, func(s Span) bool { return s.Last >= from })
	if i < 0 {
		return nil
	}
	return m.batches[i:]
}

// inLog tells if somebody is to get the record.
func (m *model) inLog(offset int64) bool {
	return slices.ContainsFunc(m.batches, func(s Span) bool { return s.First <= offset && offset <= s.Last && !s.Skip })
}

// settle moves the start as the window should.
func (m *model) settle() {
	for {
		r, ok := m.records[m.start]
		if !ok || !r.state.finished() {
			break
		}
		m.done[m.start] = r.state
		delete(m.records, m.start)
		m.start++
	}
}

func (m *model) end() int64 {
	end := m.start
	for o := range m.records {
		end = max(end, o+1)
	}
	return end
}

// fill makes records known that the window passed over, up to an offset.
func (m *model) fill(end int64) {
	for o := m.end(); o < end; o++ {
		m.records[o] = known{}
	}
}

// check compares the window with the model.
func (m *model) check(t *rapid.T) {
	w := m.w
	if w.start != m.start || w.end != m.end() {
		t.Fatalf("window is [%d, %d), want [%d, %d)\n%v", w.start, w.end, m.start, m.end(), w.dump())
	}
	at, available, finished := w.start, int64(0), int64(0)
	var wake time.Time
	for i, r := range w.runs {
		if r.first != at || r.last < r.first {
			t.Fatalf("run %d of %v does not begin at %d", i, w.dump(), at)
		}
		if i > 0 {
			if p := w.runs[i-1]; p.state == r.state && p.deliveries == r.deliveries && p.lock == r.lock {
				t.Fatalf("runs %d and %d of %v are alike", i-1, i, w.dump())
			}
		}
		for o := r.first; o <= r.last; o++ {
			got := known{state: r.state, deliveries: r.deliveries}
			if r.lock != nil {
				got.member, got.until = r.lock.member, r.lock.until
			}
			if want := m.records[o]; got != want {
				t.Fatalf("offset %d is %+v, want %+v\n%v", o, got, want, w.dump())
			}
		}
		switch {
		case r.state == Available:
			available += r.records()
		case r.state.finished():
			finished += r.records()
		case r.state == Acquired && (wake.IsZero() || r.lock.until.Before(wake)):
			wake = r.lock.until
		}
		at = r.last + 1
	}
	if at != w.end || available != w.available || finished != w.Finished() || !wake.Equal(w.Wake()) {
		t.Fatalf("ends at %d with %d available, %d finished, wakes %v; the window says %d, %d, %d, %v",
			at, available, finished, wake, w.end, w.available, w.finished, w.wake)
	}
}

func (w *Window) dump() []string {
	var lines []string
	for _, r := range w.runs {
		lines = append(lines, fmt.Sprintf("%d-%d state %d, delivered %d, %+v", r.first, r.last, r.state, r.deliveries, r.lock))
	}
	return lines
}

// acquired takes over what an acquisition gave, which no one may have had.
func (m *model) acquired(t *rapid.T, a Acquisition, ranges []Range) {
	at := int64(-1)
	for _, r := range ranges {
		if r.First <= at || r.Last < r.First {
			t.Fatalf("ranges %+v are not in order", ranges)
		}
		at = r.Last
		m.fill(r.Last + 1)
		for o := r.First; o <= r.Last; o++ {
			k := m.records[o]
			if k.state != Available || k.deliveries+1 != r.Deliveries || !m.inLog(o) {
				t.Fatalf("offset %d, %+v, was given out in %+v", o, k, r)
			}
			m.records[o] = known{Acquired, a.Member, a.Until, r.Deliveries}
			m.delivered[o]++
		}
	}
}

// vanished finishes what the window passed over because it is not in the log.
func (m *model) vanished() {
	m.fill(m.w.end)
	for o, k := range m.records {
		if k.state == Available && !m.inLog(o) && m.seenGone(o) {
			m.records[o] = known{state: Archived}
		}
	}
	m.settle()
}

// seenGone tells if the window found out that there is no such record: which is
// its caller's word, so the model asks the window.
func (m *model) seenGone(offset int64) bool {
	if offset < m.w.start {
		return true
	}
	rs := m.w.over(offset, offset)
	return len(rs) == 1 && rs[0].state == Archived
}

// locked are the offsets that a member has, in order.
func (m *model) locked(member string) []int64 {
	var offsets []int64
	for o, k := range m.records {
		if k.state == Acquired && k.member == member {
			offsets = append(offsets, o)
		}
	}
	slices.Sort(offsets)
	return offsets
}

// give applies an acknowledgement of one record.
func (m *model) give(offset int64, t AckType, until time.Time) {
	k := m.records[offset]
	switch t {
	case Accept:
		k = known{state: Acknowledged}
	case Release:
		k = m.released(k)
	case Reject:
		k = m.givenUp(k)
	case Renew:
		k.until = until
	default:
		k = known{state: Archived}
	}
	m.records[offset] = k
}

func (m *model) released(k known) known {
	if int(k.deliveries) >= m.fate.Limit {
		return m.givenUp(k)
	}
	return known{state: Available, deliveries: k.deliveries}
}

func (m *model) givenUp(k known) known {
	if m.fate.DeadLetters {
		return known{state: Archiving, deliveries: k.deliveries}
	}
	return known{state: Archived}
}

// stored is what a restart leaves of the model.
func (m *model) stored() {
	end := m.start
	for o, k := range maps.Clone(m.records) {
		if k.state == Acquired {
			k = known{state: Available, deliveries: k.deliveries - 1}
			m.records[o] = k
		}
		if k != (known{}) {
			end = max(end, o+1)
		}
	}
	maps.DeleteFunc(m.records, func(o int64, _ known) bool { return o >= end })
}
