package window

import (
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var members = []string{"a", "b", "c"}

// actions are what can happen to a share-partition.
func (m *model) actions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"append":      m.append,
		"acquire":     m.acquire,
		"acknowledge": m.acknowledge,
		"overreach":   m.overreach,
		"release":     m.release,
		"expire":      m.expire,
		"archive":     m.archive,
		"delete":      m.deleteRecords,
		"restart":     m.restart,
		"compact":     m.compact,
		"":            m.check,
	}
}

// append adds a batch, perhaps behind a gap, perhaps a control batch.
func (m *model) append(t *rapid.T) {
	first := m.logEnd() + int64(rapid.SampledFrom([]int{0, 0, 0, 1, 5}).Draw(t, "gap"))
	n := int64(rapid.IntRange(1, 12).Draw(t, "records"))
	m.batches = append(m.batches, Span{first, first + n - 1, rapid.IntRange(0, 9).Draw(t, "skip") == 0})
}

func (m *model) acquire(t *rapid.T) {
	a := Acquisition{
		Member:    rapid.SampledFrom(members).Draw(t, "member"),
		Until:     m.now.Add(time.Duration(rapid.IntRange(1, 5).Draw(t, "lock")) * time.Second),
		Records:   rapid.IntRange(1, 30).Draw(t, "wanted"),
		Exact:     rapid.Bool().Draw(t, "exact"),
		BatchSize: rapid.SampledFrom([]int{0, 3}).Draw(t, "batch size"),
		Locks:     rapid.SampledFrom([]int{10, 40}).Draw(t, "locks"),
		Limit:     m.fate.Limit,
	}
	hadRoom := m.w.end-m.w.start < int64(a.Locks)
	before, from := m.w.end, m.w.Next()
	ranges := m.w.Acquire(a, from, m.spans(from))
	taken := int64(0)
	for _, r := range ranges {
		taken += r.Last - r.First + 1
	}
	if a.Exact && taken > int64(a.Records) {
		t.Fatalf("%d records were acquired, wanted %d", taken, a.Records)
	}
	if !hadRoom && m.w.end > before {
		t.Fatalf("the window grew from %d to %d beyond %d locks", before, m.w.end, a.Locks)
	}
	m.acquired(t, a, ranges)
	m.vanished()
}

// acknowledge acknowledges some of what a member has, rightly.
func (m *model) acknowledge(t *rapid.T) {
	member := rapid.SampledFrom(members).Draw(t, "member")
	k := Acknowledgement{Member: member, Until: m.now.Add(9 * time.Second), Renew: true, Renewable: true, Fate: m.fate}
	var acks []Ack
	for _, o := range m.locked(member) {
		if rapid.IntRange(0, 3).Draw(t, "leave") == 0 {
			continue
		}
		typ := rapid.SampledFrom([]AckType{Gap, Accept, Accept, Release, Reject, Renew}).Draw(t, "type")
		if n := len(acks); n > 0 && acks[n-1].Last == o-1 && rapid.Bool().Draw(t, "together") {
			acks[n-1].Last, acks[n-1].Types = o, append(acks[n-1].Types, typ)
		} else {
			acks = append(acks, Ack{o, o, []AckType{typ}})
		}
		m.give(o, typ, k.Until)
	}
	if err := m.w.Acknowledge(k, acks); err != nil {
		t.Fatalf("acknowledge %+v: %v", acks, err)
	}
	m.settle()
}

// overreach acknowledges what a member has not: nothing may change.
func (m *model) overreach(t *rapid.T) {
	member := rapid.SampledFrom(members).Draw(t, "member")
	first := int64(rapid.IntRange(int(m.start), int(m.end())+3).Draw(t, "first"))
	last := first + int64(rapid.IntRange(0, 5).Draw(t, "more"))
	mine := m.locked(member)
	all := true
	for o := first; o <= last; o++ {
		all = all && slices.Contains(mine, o)
	}
	if all {
		return
	}
	acks := []Ack{{first, last, []AckType{Accept}}}
	if len(mine) > 0 && mine[0] < first { // what is before it must not count either
		acks = slices.Insert(acks, 0, Ack{mine[0], mine[0], []AckType{Accept}})
	}
	err := m.w.Acknowledge(Acknowledgement{Member: member, Fate: m.fate}, acks)
	want := ErrNotAcquired
	if last >= m.end() {
		want = ErrInvalidAck
	}
	if !errors.Is(err, want) {
		t.Fatalf("acknowledge %d to %d: %v, want %v", first, last, err, want)
	}
}

func (m *model) release(t *rapid.T) {
	member, counted := rapid.SampledFrom(members).Draw(t, "member"), rapid.Bool().Draw(t, "counted")
	m.w.Release(member, counted, m.fate)
	for _, o := range m.locked(member) {
		k := m.records[o]
		if counted {
			k = m.released(k)
		} else {
			k = known{state: Available, deliveries: k.deliveries - 1}
			m.delivered[o]--
		}
		m.records[o] = k
	}
	m.settle()
}

func (m *model) expire(t *rapid.T) {
	m.now = m.now.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "seconds")) * time.Second)
	m.w.Expire(m.now, m.fate)
	for o, k := range m.records {
		if k.state == Acquired && !k.until.After(m.now) {
			m.records[o] = m.released(k)
		}
	}
	m.settle()
}

// archive writes a dead letter, or takes to writing them.
func (m *model) archive(t *rapid.T) {
	if rapid.IntRange(0, 3).Draw(t, "change") == 0 {
		m.fate.DeadLetters = !m.fate.DeadLetters
	}
	r, ok := m.w.GivenUp()
	if !ok {
		return
	}
	m.w.Archive(r.First, r.Last)
	for o := r.First; o <= r.Last; o++ {
		if k := m.records[o]; k.state != Archiving || k.deliveries != r.Deliveries {
			t.Fatalf("offset %d, %+v, was given up in %+v", o, k, r)
		}
		m.records[o] = known{state: Archived}
	}
	m.settle()
}

func (m *model) deleteRecords(t *rapid.T) {
	m.logStart = max(m.logStart, int64(rapid.IntRange(0, int(m.logEnd())).Draw(t, "log start")))
	if rapid.IntRange(0, 4).Draw(t, "really") > 0 {
		return
	}
	m.w.AdvanceTo(m.logStart)
	for ; m.start < m.logStart; m.start++ {
		delete(m.records, m.start)
	}
	m.settle()
}

// compact removes a batch, which may have been given out.
func (m *model) compact(t *rapid.T) {
	if len(m.batches) > 1 {
		i := rapid.IntRange(0, len(m.batches)-2).Draw(t, "batch")
		m.batches = slices.Delete(m.batches, i, i+1)
	}
}

func (m *model) restart(t *rapid.T) {
	w, err := Restore(m.w.Start(), m.w.Batches())
	if err != nil {
		t.Fatal(err)
	}
	for _, member := range members {
		for _, o := range m.locked(member) {
			m.delivered[o]--
		}
	}
	m.w = w
	m.stored()
}

func TestWindowIsWhatItsRecordsAre(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newModel()
		t.Repeat(m.actions())
		for o, n := range m.delivered {
			if n > m.fate.Limit {
				t.Fatalf("offset %d was delivered %d times, the limit is %d", o, n, m.fate.Limit)
			}
		}
		m.drain(t)
	})
}

// drain has members take and accept what is left: all of the log must come to
// its end.
func (m *model) drain(t *rapid.T) {
	for range 10_000 {
		m.now = m.now.Add(time.Minute)
		m.expire(t)
		m.archiveAll()
		if m.w.start >= m.logEnd() {
			break
		}
		a := Acquisition{Member: "a", Until: m.now.Add(time.Second), Records: 10, Locks: 40, Limit: m.fate.Limit}
		from := m.w.Next()
		ranges := m.w.Acquire(a, from, m.spans(from))
		if len(ranges) == 0 && m.w.Has(m.logEnd(), a.Locks) && m.w.Next() == from {
			t.Fatalf("nothing can be acquired from %d on, though the window says so\n%v", from, m.w.dump())
		}
		m.acquired(t, a, ranges)
		m.vanished()
		for _, r := range ranges {
			if err := m.w.Acknowledge(Acknowledgement{Member: "a", Fate: m.fate}, []Ack{{r.First, r.Last, []AckType{Accept}}}); err != nil {
				t.Fatal(err)
			}
			for o := r.First; o <= r.Last; o++ {
				m.give(o, Accept, time.Time{})
			}
		}
		m.settle()
		m.check(t)
	}
	if m.w.start < m.logEnd() || m.w.Finished() != 0 {
		t.Fatalf("start is %d, the log ends at %d; %d offsets are finished behind it\n%v", m.w.start, m.logEnd(), m.w.Finished(), m.w.dump())
	}
}

func (m *model) archiveAll() {
	for r, ok := m.w.GivenUp(); ok; r, ok = m.w.GivenUp() {
		m.w.Archive(r.First, r.Last)
		for o := r.First; o <= r.Last; o++ {
			m.records[o] = known{state: Archived}
		}
		m.settle()
	}
}
