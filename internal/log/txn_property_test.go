package log

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/internal/vfs"
)

// TestTransactionsFollowFromTheBatches: whatever is done, in any order, with
// failures and power cuts in between, the batches that were acknowledged are there,
// and what is told of transactions is what the batches say.
func TestTransactionsFollowFromTheBatches(t *testing.T) {
	for name, compact := range map[string]bool{"deleted": false, "compacted": true} {
		t.Run(name, func(t *testing.T) { runTxnMachine(t, compact) })
	}
}

func runTxnMachine(t *testing.T, compact bool) {
	synctest.Test(t, func(t *testing.T) {
		bubble := struct{ testing.TB }{t} // hides Deadline, which means nothing in there
		rapid.Check(bubble, func(rt *rapid.T) {
			m := &txnMachine{t: rt, tb: bubble, compacts: compact, brittle: brittle{disk: newFaults()}}
			m.open()
			defer func() { _ = m.log.Close() }()
			actions := map[string]func(*rapid.T){
				"":           m.check,
				"append":     m.append,
				"append2":    m.append,
				"plain":      m.plain,
				"end":        m.end,
				"end2":       m.end,
				"fence":      m.fence,
				"truncate":   m.truncate,
				"retain":     m.retain,
				"delete":     m.delete,
				"seal":       m.seal,
				"compact":    m.compact,
				"flush":      func(*rapid.T) { m.do(m.p.flush, m.list) },
				"checkpoint": func(*rapid.T) { m.do(m.log.writeCheckpoints, m.list) },
				"age":        func(*rapid.T) { time.Sleep(2 * time.Minute) },
				"restart":    func(*rapid.T) { m.restart(func() {}) },
				"lose":       m.lose,
				"crash":      func(rt *rapid.T) { m.cutPower(drawKeep(rt)) },
				"fault":      m.fault,
			}
			if compact { // what was replaced by records that go then does not come back
				delete(actions, "truncate")
			}
			rt.Repeat(actions)
		})
	})
}

// txnMachine is a partition beside the batches that it should hold.
type txnMachine struct {
	brittle
	t   *rapid.T
	tb  testing.TB
	log *testLog
	p   *Partition

	compacts  bool
	truncated bool // or a write failed: of producers other things may be known than the batches tell
	list      []batchNote
	next      int // the next value
}

// batchNote is a batch in words.
type batchNote struct {
	base, next int64
	text       string
	batch      batch.Batch // not compared
}

func (n batchNote) equals(o batchNote) bool {
	return n.base == o.base && n.next == o.next && n.text == o.text
}

func (m *txnMachine) open() {
	m.log = openLog(m.tb, m.disk, func(c *Config) { c.CompactionInterval = 1 << 60 })
	m.p = m.log.partition("a", 0, func(s *Settings) {
		s.SegmentBytes, s.IndexIntervalBytes = 600, 150
		s.Compact, s.MinCleanableRatio, s.DeleteRetention = m.compacts, 0, time.Minute
	})
	m.log.start()
	if err := m.p.Err(); err != nil {
		m.t.Fatalf("after opening: %v", err)
	}
}

func (n batchNote) String() string { return fmt.Sprintf("%d-%d %s;", n.base, n.next, n.text) }

func noteOf(b batch.Batch) batchNote {
	n := batchNote{batch: b, base: b.BaseOffset(), next: b.NextOffset(), text: fmt.Sprintf("producer %d, epoch %d", b.ProducerID(), b.ProducerEpoch())}
	if marker, ok := b.Marker(); ok {
		n.text += fmt.Sprintf(": commit %v", marker.Commit)
		return n
	}
	records, _, _ := recordsOf(b)
	n.text += fmt.Sprintf(": %v", records)
	return n
}

// held is what the partition holds.
func (m *txnMachine) held() []batchNote {
	all, err := batchesBelow(m.p)
	if err != nil {
		m.t.Fatal(err)
	}
	out := make([]batchNote, len(all))
	for i, b := range all {
		out[i] = noteOf(b)
	}
	return out
}

// holds tells whether the partition holds list, but for what lies below the log
// start.
func (m *txnMachine) holds(list []batchNote) bool {
	end := int64(0)
	if n := len(list); n > 0 {
		end = list[n-1].next
	}
	if m.compacts {
		return end == m.p.LogEnd() && maps.Equal(m.latest(list), m.latest(m.held()))
	}
	list = slices.DeleteFunc(slices.Clone(list), func(n batchNote) bool { return n.next <= m.p.LogStart() })
	return end == m.p.LogEnd() && slices.EqualFunc(m.held(), list, batchNote.equals)
}

// latest is the last committed value of every key in list.
func (m *txnMachine) latest(list []batchNote) map[int]int {
	batches := make([]batch.Batch, len(list))
	for i, n := range list {
		batches[i] = n.batch
	}
	o, err := followed(batches, m.p.HighWatermark())
	if err != nil {
		m.t.Fatal(err)
	}
	out := make(map[int]int)
	for _, r := range o.committed {
		if r.offset >= m.p.LogStart() {
			out[r.value%5] = r.value
		}
	}
	return out
}

func (m *txnMachine) check(*rapid.T) {
	if m.armed && !m.fired.Load() {
		return
	}
	if m.armed { // it may have come to what goes on in the background
		m.recover(m.list)
	}
	if !m.holds(m.list) {
		m.t.Fatalf("the partition holds %v from offset %d on, want %v", m.held(), m.p.LogStart(), m.list)
	}
	if err := checkTransactions(m.p); err != nil {
		m.t.Fatal(err)
	}
	if err := checkProducers(m.p, m.truncated); err != nil {
		m.t.Fatal(err)
	}
}

// do does an operation. If it fails because of a fault, the partition must hold
// one of the lists given, once it is back in service.
func (m *txnMachine) do(f func() error, outcomes ...[]batchNote) {
	err := f()
	switch {
	case err != nil && !m.armed:
		m.t.Fatalf("failed without a fault: %v", err)
	case err != nil:
		m.recover(outcomes...)
	default:
		m.list = outcomes[0]
	}
}

func (m *txnMachine) recover(outcomes ...[]batchNote) {
	m.truncated = true
	if m.keep != nil {
		m.cutPower(m.keep)
	}
	m.heal()
	if m.log.isClosed() {
		m.open()
	}
	for range 100 {
		if m.p.Err() == nil {
			break
		}
		time.Sleep(time.Second)
	}
	if err := m.p.Err(); err != nil {
		m.t.Fatalf("not back in service: %v", err)
	}
	for _, list := range outcomes {
		if m.holds(list) {
			m.list = list
			return
		}
	}
	m.t.Fatalf("the partition holds %v, from offset %d on; it may hold %v", m.held(), m.p.LogStart(), outcomes)
}

// producer is one that goes on from what the partition knows of it. Whether that
// is right is for other tests.
func (m *txnMachine) producer(rt *rapid.T) *txnProducer {
	a := transacting(rapid.Int64Range(1, 3).Draw(rt, "producer"))
	for _, s := range m.p.Producers() {
		if s.ID == a.ID {
			a.Epoch, a.Sequence = s.Epoch, nextSequence(s.LastSequence)
		}
	}
	return a
}

// with is the list with one more batch at the end.
func (m *txnMachine) with(b batch.Batch) []batchNote {
	b = slices.Clone(b)
	b.SetBaseOffset(m.p.LogEnd())
	return append(slices.Clone(m.list), noteOf(b))
}

func (m *txnMachine) append(rt *rapid.T) {
	n := rapid.IntRange(1, 3).Draw(rt, "records")
	m.write(m.producer(rt).next(m.tb, m.next, n))
	m.next += n
}

func (m *txnMachine) plain(*rapid.T) {
	m.write(numbered(m.tb, batch.Head{}, m.next, 1))
	m.next++
}

func (m *txnMachine) write(raw []byte) {
	with := m.with(raw)
	m.do(func() error {
		_, err := appendSync(m.p, raw)
		return err
	}, with, m.list)
}

func (m *txnMachine) end(rt *rapid.T) {
	a := m.producer(rt)
	m.mark(a, rapid.Bool().Draw(rt, "commit"))
}

func (m *txnMachine) mark(a *txnProducer, commit bool) {
	with := m.with(a.marker(commit).Batch(0))
	m.do(func() error { return a.end(m.p, commit) }, with, m.list)
}

// fence aborts with a later epoch, in which sequence numbers begin anew.
func (m *txnMachine) fence(rt *rapid.T) {
	a := m.producer(rt)
	a.Epoch, a.Sequence = a.Epoch+1, 0
	m.mark(a, false)
}

func (m *txnMachine) truncate(rt *rapid.T) {
	offset := rapid.Int64Range(m.p.LogStart(), m.p.LogEnd()).Draw(rt, "offset")
	before := m.list
	m.truncated = true
	if err := m.p.Truncate(offset); err != nil {
		if !m.armed {
			m.t.Fatal(err)
		}
		var outcomes [][]batchNote
		for n := len(before); n >= 0; n-- {
			outcomes = append(outcomes, before[:n:n])
		}
		m.recover(outcomes...)
		return
	}
	m.list = slices.DeleteFunc(slices.Clone(before), func(n batchNote) bool { return n.base >= m.p.LogEnd() })
}

func (m *txnMachine) retain(rt *rapid.T) {
	s := m.p.Settings()
	s.RetentionBytes = rapid.Int64Range(0, 3000).Draw(rt, "retention.bytes")
	s.RetentionAge = -1
	m.p.SetSettings(s)
	m.do(func() error { return m.log.applyRetention([]*Partition{m.p}, time.Now()) }, m.list)
	s.RetentionBytes = -1
	m.p.SetSettings(s)
}

func (m *txnMachine) delete(rt *rapid.T) {
	offset := rapid.Int64Range(0, m.p.HighWatermark()).Draw(rt, "offset")
	m.do(func() error { return m.log.DeleteRecords(map[*Partition]int64{m.p: offset})[m.p] }, m.list)
}

func (m *txnMachine) seal(*rapid.T) {
	m.p.mu.Lock()
	if m.p.active().size > 0 && m.p.mu.err == nil {
		m.p.roll()
	}
	m.p.mu.Unlock()
	m.do(m.p.flush, m.list)
}

func (m *txnMachine) compact(*rapid.T) {
	m.do(func() error { return m.p.compact(m.tb.Context(), time.Now()) }, m.list)
}

// restart stops and starts the log, with something done in between.
func (m *txnMachine) restart(between func()) {
	m.do(func() error {
		if err := m.log.Close(); err != nil {
			return err
		}
		m.heal() // what fails when opening is another test's
		between()
		m.open()
		return nil
	}, m.list)
}

// lose takes a file away that recovery can do without.
func (m *txnMachine) lose(rt *rapid.T) {
	what := rapid.SampledFrom([]string{"checkpoint", "indexes", "torn"}).Draw(rt, "what")
	m.restart(func() {
		switch what {
		case "checkpoint":
			m.remove("data/checkpoint")
		case "indexes":
			m.eachFile(indexSuffix, m.remove)
			m.eachFile(abortIndexSuffix, m.remove)
		case "torn":
			m.eachFile(abortIndexSuffix, m.tear)
		}
	})
}

func (m *txnMachine) remove(name string) {
	if err := m.disk.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		m.t.Fatal(err)
	}
}

// tear puts zeros into the last entry of an index of aborted transactions.
func (m *txnMachine) tear(name string) {
	f, err := m.disk.Open(name, vfs.Write)
	if err != nil {
		m.t.Fatal(err)
	}
	defer f.Close()
	size, err := f.Size()
	if err == nil && size > 0 {
		_, err = f.WriteAt(make([]byte, 18), size-18)
	}
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *txnMachine) eachFile(suffix string, f func(name string)) {
	entries, err := m.disk.ReadDir("data/topics/a-0")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		m.t.Fatal(err)
	}
	for _, e := range entries {
		if name := e.Name(); len(name) > len(suffix) && name[len(name)-len(suffix):] == suffix {
			f("data/topics/a-0/" + name)
		}
	}
}

// cutPower opens what a power cut leaves.
func (m *txnMachine) cutPower(keep vfs.Keep) {
	m.heal()
	after := m.disk.mem.Crash(keep)
	_ = m.log.Close()
	m.disk = faultsOn(after)
	m.open()
}
