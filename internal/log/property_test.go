package log

import (
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/internal/vfs"
)

// TestAPartitionIsAListOfRecords: whatever is done with it, in any order, with
// failures and power cuts in between, it holds what a simple list would.
func TestAPartitionIsAListOfRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bubble := struct{ testing.TB }{t} // hides Deadline, which means nothing in there
		rapid.Check(bubble, func(rt *rapid.T) {
			m := &machine{t: rt, tb: bubble, brittle: brittle{disk: newFaults()}, next: 1}
			m.open()
			defer func() { _ = m.log.Close() }()
			rt.Repeat(map[string]func(*rapid.T){
				"":           m.check,
				"append":     m.append,
				"produce":    m.produce,
				"burst":      m.burst,
				"resend":     m.resend,
				"truncate":   m.truncate,
				"retain":     m.retain,
				"delete":     m.delete,
				"seal":       m.seal,
				"flush":      func(*rapid.T) { m.do(m.p.flush, m.list) },
				"checkpoint": func(*rapid.T) { m.do(m.log.writeCheckpoints, m.list) },
				"trim":       func(*rapid.T) { m.log.cache.trim(0) },
				"age":        func(*rapid.T) { time.Sleep(2 * time.Minute) },
				"restart":    m.restart,
				"crash":      m.crash,
				"fault":      m.fault,
			})
		})
	})
}

// machine is a partition beside the list that it should be.
type machine struct {
	brittle
	t   *rapid.T
	tb  testing.TB
	log *testLog
	p   *Partition

	list     []int      // values by offset; retention counts for nothing
	start    int64      // the log start is not below this offset
	next     int        // the next value
	produced []produced // the last few that are remembered
	all      []produced // what the producer has in the list
}

// brittle is a disk on which a fault may come up.
type brittle struct {
	disk  *faults
	armed bool        // a fault is to come
	fired atomic.Bool // it has come
	keep  vfs.Keep    // it is a power cut, which keeps this
}

// produced is a batch of the idempotent producer that was acknowledged.
type produced struct {
	raw        []byte
	base, next int64
	sequence   int32 // that goes on after it
}

func (m *machine) open() {
	m.log = openLog(m.tb, m.disk)
	m.p = m.log.partition("a", 0, smallSegments)
	m.log.start()
	if err := m.p.Err(); err != nil {
		m.t.Fatalf("after opening: %v", err)
	}
}

// do does an operation. If it fails because of a fault, the partition must hold
// one of the lists given, once it is back in service.
func (m *machine) do(f func() error, outcomes ...[]int) {
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

// recover ends the fault and finds out which of the lists the partition holds.
func (m *machine) recover(outcomes ...[]int) {
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
	got := m.read()
	for _, list := range outcomes {
		if matches(got, list, m.p.LogStart()) {
			m.list = list
			return
		}
	}
	m.t.Fatalf("the partition holds %v, from offset %d on", got, m.p.LogStart())
}

func (m *brittle) heal() {
	m.disk.heal()
	m.armed, m.keep = false, nil
	m.fired.Store(false)
}

func matches(got []int, list []int, start int64) bool {
	return start <= int64(len(list)) && slices.Equal(got, list[start:])
}

func (m *machine) read() []int {
	all, err := readAll(m.p)
	if err != nil {
		m.t.Fatal(err)
	}
	out := make([]int, len(all))
	for i, r := range all {
		out[i] = r.value
	}
	return out
}

func (m *machine) check(*rapid.T) {
	if m.armed && !m.fired.Load() {
		return
	}
	if m.armed { // it may have come to what goes on in the background
		m.recover(m.list)
	}
	if got := m.read(); !matches(got, m.list, m.p.LogStart()) {
		m.t.Fatalf("the partition holds %v from offset %d on, want %v", got, m.p.LogStart(), m.list)
	}
	if m.p.LogStart() < m.start {
		m.t.Fatalf("log start %d, want at least %d", m.p.LogStart(), m.start)
	}
	if hw, end := m.p.HighWatermark(), m.p.LogEnd(); hw != end || end != int64(len(m.list)) {
		m.t.Fatalf("high watermark %d, log end %d, want %d", hw, end, len(m.list))
	}
}

// make makes a batch and the list with it.
func (m *machine) make(rt *rapid.T, list []int, producer *batch.Producer) ([]byte, []int) {
	n := rapid.IntRange(1, 3).Draw(rt, "records")
	size := rapid.SampledFrom([]int{20, 50, 300, 3000}).Draw(rt, "size")
	raw := makeBatch(m.tb, m.next, n, size, producer)
	list = slices.Clone(list)
	for range n {
		list = append(list, m.next)
		m.next++
	}
	return raw, list
}

func (m *machine) append(rt *rapid.T) { m.appendBatch(rt, nil) }

func (m *machine) appendBatch(rt *rapid.T, producer *batch.Producer) (raw []byte, ok bool) {
	before := m.list
	raw, longer := m.make(rt, before, producer)
	m.do(func() error {
		at, err := appendSync(m.p, slices.Clone(raw))
		if err == nil && at.BaseOffset != int64(len(before)) {
			m.t.Fatalf("appended at offset %d, want %d", at.BaseOffset, len(before))
		}
		return err
	}, longer, before)
	return raw, len(m.list) > len(before)
}

// produce appends a batch of the idempotent producer.
func (m *machine) produce(rt *rapid.T) {
	id := batch.Producer{ID: 1}
	if n := len(m.all); n > 0 {
		id.Sequence = m.all[n-1].sequence
	}
	base := int64(len(m.list))
	if raw, ok := m.appendBatch(rt, &id); ok {
		next := int64(len(m.list))
		b := produced{raw, base, next, id.Sequence + int32(next-base)}
		m.all, m.produced = append(m.all, b), append(m.produced, b)
		m.produced = m.produced[max(0, len(m.produced)-producerWindow):]
	}
}

// burst appends several batches without waiting in between.
func (m *machine) burst(rt *rapid.T) {
	lists := [][]int{m.list}
	done := make(chan error, 8)
	var failed error
	for range rapid.IntRange(2, 8).Draw(rt, "batches") {
		raw, longer := m.make(rt, lists[0], nil)
		if _, err := m.p.Append(raw, AckDurable, func(err error) { done <- err }); err != nil {
			failed = err
			break
		}
		lists = slices.Insert(lists, 0, longer)
	}
	acknowledged := 0
	for range len(lists) - 1 {
		if err := <-done; err != nil {
			failed = err
		} else {
			acknowledged++
		}
	}
	// What was acknowledged comes first.
	m.do(func() error { return failed }, lists[:len(lists)-acknowledged]...)
}

// resend sends one of the producer's last batches once more.
func (m *machine) resend(rt *rapid.T) {
	if len(m.produced) == 0 {
		rt.Skip("nothing was sent")
	}
	b := rapid.SampledFrom(m.produced).Draw(rt, "batch")
	m.do(func() error {
		at, err := appendSync(m.p, slices.Clone(b.raw))
		if err == nil && (!at.Duplicate || at.BaseOffset != b.base) {
			m.t.Fatalf("sent again what is at offset %d: %+v", b.base, at)
		}
		return err
	}, m.list)
}

func (m *machine) truncate(rt *rapid.T) {
	defer func() { m.start = min(m.start, m.p.LogStart()) }() // goes down with the batch that it lies in
	offset := rapid.Int64Range(m.p.LogStart(), m.p.LogEnd()).Draw(rt, "offset")
	before := m.list
	if err := m.p.Truncate(offset); err != nil {
		if !m.armed {
			m.t.Fatal(err)
		}
		// It is completed later, or was half done when the power went.
		var outcomes [][]int
		for n := len(before); n >= 0 && n >= int(offset)-2; n-- {
			outcomes = append(outcomes, before[:n])
		}
		m.recover(outcomes...)
		m.list = slices.Clone(m.list)
		m.forget(m.p.LogEnd())
		return
	}
	left := m.p.LogEnd()
	if left > offset && int(left) != len(before) || left < offset-2 {
		m.t.Fatalf("truncated to %d, the log ends at %d", offset, left)
	}
	m.list = slices.Clone(before[:left])
	m.forget(left)
}

// forget forgets what was produced beyond the offset end.
func (m *machine) forget(end int64) {
	beyond := func(b produced) bool { return b.next > end }
	m.all, m.produced = slices.DeleteFunc(m.all, beyond), slices.DeleteFunc(m.produced, beyond)
}

func (m *machine) retain(rt *rapid.T) {
	s := m.p.Settings()
	s.RetentionBytes = rapid.Int64Range(0, 5000).Draw(rt, "retention.bytes")
	m.p.SetSettings(s)
	m.do(func() error { return m.log.applyRetention([]*Partition{m.p}, time.Now()) }, m.list)
	s.RetentionBytes = -1
	m.p.SetSettings(s)
}

// delete deletes records: an answer without an error is for good.
func (m *machine) delete(rt *rapid.T) {
	offset := rapid.Int64Range(0, m.p.HighWatermark()).Draw(rt, "offset")
	m.do(func() error {
		err := m.log.DeleteRecords(map[*Partition]int64{m.p: offset})[m.p]
		if err == nil {
			m.start = max(m.start, offset)
		}
		return err
	}, m.list)
}

func (m *machine) seal(*rapid.T) {
	m.p.mu.Lock()
	if m.p.active().size > 0 && m.p.mu.err == nil {
		m.p.roll()
	}
	m.p.mu.Unlock()
	m.do(m.p.flush, m.list)
}

func (m *machine) restart(*rapid.T) {
	m.do(func() error {
		if err := m.log.Close(); err != nil {
			return err
		}
		m.heal() // what fails when opening is another test's
		m.open()
		return nil
	}, m.list)
}

func (m *machine) crash(rt *rapid.T) { m.cutPower(drawKeep(rt)) }

// cutPower opens what a power cut leaves.
func (m *machine) cutPower(keep vfs.Keep) {
	m.heal()
	after := m.disk.mem.Crash(keep)
	_ = m.log.Close()
	m.disk = faultsOn(after)
	m.open()
}

func drawKeep(rt *rapid.T) vfs.Keep {
	switch seed := rapid.Uint64().Draw(rt, "seed"); seed % 4 {
	case 0:
		return vfs.KeepAll
	case 1:
		return vfs.KeepNone
	default:
		return vfs.KeepRandom(seed)
	}
}

// fault lets one of the next operations fail, or the power go with it.
func (m *brittle) fault(rt *rapid.T) {
	m.heal()
	n := m.disk.Mutations() + rapid.IntRange(1, 15).Draw(rt, "operation")
	power := rapid.Bool().Draw(rt, "power")
	if power {
		m.keep = drawKeep(rt)
	}
	err := errDisk
	if rapid.Bool().Draw(rt, "done") {
		err = vfs.AfterEffect(errDisk)
	}
	m.armed = true
	m.disk.set(func(op vfs.Op) error {
		switch {
		case op.Kind.Mutates() && op.N == n:
			m.fired.Store(true)
			return err
		case power && op.N > n:
			return errDisk
		}
		return nil
	})
}
