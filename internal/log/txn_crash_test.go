package log

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/internal/vfs/vfstest"
)

// TestCrashAtEveryWriteKeepsTransactionsWhole cuts the power at the first operation
// that changes the disk, the second, and so on, each with and without the
// operation's effect and with none, all or some of what had not been synced.
func TestCrashAtEveryWriteKeepsTransactionsWhole(t *testing.T) {
	total := txnCrashRun(t, func(int) func(vfs.Op) error { return func(vfs.Op) error { return nil } }, 1<<30, vfs.KeepAll)
	stride := max(1, total/20) // neighbouring operations differ in kind
	for i, v := range vfstest.Cuts() {
		t.Run(v.Name, func(t *testing.T) {
			for n := 1 + i*stride/len(vfstest.Cuts()); n <= total+stride; n += stride {
				t.Run(fmt.Sprint(n), func(t *testing.T) { txnCrashRun(t, v.Hook, n, v.Keep(n)) })
			}
		})
	}
}

// txnCrashRun runs the workload up to a power cut at operation n, checks what is
// left, ends what is open, goes on, and checks that once more after another power
// cut. It returns how many operations the workload took.
func txnCrashRun(t *testing.T, hook func(int) func(vfs.Op) error, n int, keep vfs.Keep) int {
	mem := vfs.NewMem()
	disk := vfs.NewFaulty(mem, hook(n))
	w := &txnWorld{t: t, disk: disk, now: time.UnixMilli(testTime)}
	for _, compact := range []bool{false, true} {
		w.parts = append(w.parts, newTxnHistory(compact))
	}
	w.run()
	if w.log != nil {
		_ = w.log.Close()
	}

	w.reopen(mem.Crash(keep))
	w.check()
	for _, step := range []func() error{w.endAll, w.interleave, w.compact} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	w.check()
	after := w.disk.(*vfs.Mem).Crash(vfs.KeepNone)
	_ = w.log.Close()

	w.reopen(after)
	w.check()
	if err := w.log.Close(); err != nil {
		t.Fatal(err)
	}
	return disk.Mutations()
}

// txnWorld is a log with partitions that get transactions, and what they got.
type txnWorld struct {
	t     *testing.T
	disk  vfs.FS
	log   *Log
	now   time.Time
	parts []*txnHistory
}

// txnHistory is what one partition was given.
type txnHistory struct {
	id        ID
	settings  Settings
	p         *Partition
	value     int
	producers map[int64]*txnProducer
	open      map[int64]*sentTxn
	sent      []*sentTxn
}

// sentTxn is one transaction, or a batch that belongs to none.
type sentTxn struct {
	values []int // that were acknowledged
	failed []int // that were not, and may be there
	state  txnState
}

type txnState int

const (
	txnOpen      txnState = iota
	txnCommitted          // the marker was acknowledged
	txnAborted
	txnUnknown // how it ended was not answered
)

func newTxnHistory(compact bool) *txnHistory {
	h := &txnHistory{id: testID("txn", 0), settings: DefaultSettings(), producers: make(map[int64]*txnProducer), open: make(map[int64]*sentTxn)}
	h.settings.SegmentBytes, h.settings.IndexIntervalBytes, h.settings.RetentionAge = 600, 150, -1
	if compact {
		h.id = testID("compacted", 0)
		h.settings.Compact, h.settings.Delete, h.settings.MinCleanableRatio, h.settings.DeleteRetention = true, false, 0, time.Second
	}
	return h
}

func (w *txnWorld) run() {
	for _, step := range []func() error{
		w.openLog, w.interleave, w.checkpoint, w.leaveOpen, w.flush, w.checkpoint, w.interleave, w.compact,
		w.restart, w.endAll, w.compact, w.leaveOpen, w.restart, w.interleave, w.checkpoint, w.endAll, w.compact, w.interleave,
	} {
		if step() != nil {
			return
		}
	}
}

func (w *txnWorld) openLog() error {
	cfg := testConfig(w.t, w.disk)
	cfg.journalBytes, cfg.directBytes = 32<<10, largeBytes
	cfg.Now = func() time.Time { return w.now }
	log, err := Open(cfg)
	if err != nil {
		return err
	}
	w.log = log
	w.t.Cleanup(func() { _ = log.Close() })
	for _, h := range w.parts {
		if h.p, err = w.log.OpenPartition(h.id, h.settings); err != nil {
			return err
		}
		if err := h.p.Err(); err != nil {
			w.t.Errorf("%s: %v", h.id.Topic, err)
		}
	}
	return w.log.Start(w.t.Context())
}

func (w *txnWorld) reopen(disk vfs.FS) {
	w.t.Helper()
	w.disk = disk
	if err := w.openLog(); err != nil {
		w.t.Fatal(err)
	}
}

func (w *txnWorld) restart() error {
	if err := w.log.Close(); err != nil {
		return err
	}
	return w.openLog()
}

func (w *txnWorld) checkpoint() error { return w.log.writeCheckpoints() }

// each does something with every partition, and lets time pass.
func (w *txnWorld) each(f func(h *txnHistory) error) error {
	for _, h := range w.parts {
		if err := f(h); err != nil {
			return err
		}
	}
	w.now = w.now.Add(2 * time.Second)
	return nil
}

func (w *txnWorld) flush() error { return w.each(func(h *txnHistory) error { return h.p.flush() }) }

func (w *txnWorld) compact() error {
	return w.each(func(h *txnHistory) error { return h.p.compact(w.t.Context(), w.now) })
}

// interleave writes transactions of three producers between one another, and
// records that belong to none.
func (w *txnWorld) interleave() error { return w.play("1 2 . 1 1c 3 2a 2 3 3a 1 2c 1a .") }

// leaveOpen begins transactions and does not end them.
func (w *txnWorld) leaveOpen() error { return w.play("2 3 . 2") }

// play does the steps of a script with every partition: a number is a batch of that
// producer's transaction, with c or a behind it the transaction's commit or abort, and
// a dot a batch that belongs to none.
func (w *txnWorld) play(script string) error {
	return w.each(func(h *txnHistory) error {
		for _, step := range strings.Fields(script) {
			var err error
			id := int64(step[0] - '0')
			switch {
			case step == ".":
				err = h.plain(w.t)
			case len(step) == 1:
				err = h.append(w.t, id)
			default:
				err = h.end(id, step[1] == 'c')
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// endAll ends what is open as a coordinator does that finds it: with a later
// epoch.
func (w *txnWorld) endAll() error {
	return w.each(func(h *txnHistory) error {
		for id := int64(1); id <= 3; id++ {
			a := h.producer(id)
			a.Epoch, a.Sequence = a.Epoch+1, 0
			if err := h.end(id, id == 2); err != nil {
				return err
			}
		}
		return nil
	})
}

func (h *txnHistory) producer(id int64) *txnProducer {
	if h.producers[id] == nil {
		h.producers[id] = transacting(id)
	}
	return h.producers[id]
}

// append writes two values in the producer's transaction.
func (h *txnHistory) append(t *testing.T, id int64) error {
	txn := h.open[id]
	if txn == nil {
		txn = &sentTxn{}
		h.open[id] = txn
		h.sent = append(h.sent, txn)
	}
	raw, values := h.producer(id).next(t, h.value, 2), []int{h.value, h.value + 1}
	h.value += 2
	_, err := appendSync(h.p, raw)
	if err != nil {
		txn.failed = append(txn.failed, values...)
		return err
	}
	txn.values = append(txn.values, values...)
	return nil
}

func (h *txnHistory) plain(t *testing.T) error {
	txn := &sentTxn{values: []int{h.value}, state: txnUnknown}
	h.sent = append(h.sent, txn)
	raw := numbered(t, batch.Head{}, h.value, 1)
	h.value++
	_, err := appendSync(h.p, raw)
	if err == nil {
		txn.state = txnCommitted
	}
	return err
}

func (h *txnHistory) end(id int64, commit bool) error {
	txn := h.open[id]
	delete(h.open, id)
	if txn == nil {
		txn = &sentTxn{}
	}
	txn.state = txnUnknown
	err := h.producer(id).end(h.p, commit)
	if err == nil && commit {
		txn.state = txnCommitted
	} else if err == nil {
		txn.state = txnAborted
	}
	return err
}

// check compares what is there with what was sent, and goes on from it.
func (w *txnWorld) check() {
	w.t.Helper()
	for _, h := range w.parts {
		if err := errors.Join(h.p.Err(), checkTransactions(h.p), h.check()); err != nil {
			w.t.Fatalf("%s: %v", h.id.Topic, err)
		}
	}
}

func (h *txnHistory) check() error {
	all, err := committedFrom(h.p, 0, 1<<20)
	if err != nil {
		return err
	}
	seen := make(map[int]bool)
	for _, r := range all {
		seen[r.value] = true
	}
	for _, txn := range h.sent {
		if err := h.judge(txn, seen); err != nil {
			return err
		}
	}
	h.resume()
	return nil
}

// judge tells whether readers of committed records see what they should of a
// transaction, and notes what became of one that nobody knew of.
func (h *txnHistory) judge(txn *sentTxn, seen map[int]bool) error {
	n, failed := count(txn.values, seen), count(txn.failed, seen)
	stable := h.p.LastStableOffset() == h.p.HighWatermark()
	switch {
	case n+failed > 0 && (txn.state == txnOpen || txn.state == txnAborted):
		return fmt.Errorf("%d of the values %v and %v are seen, and the transaction is in state %d", n+failed, txn.values, txn.failed, txn.state)
	case h.settings.Compact: // any of them may have been replaced
		return h.judgeCompacted(txn, seen, stable)
	case n > 0 && n < len(txn.values) && stable: // a transaction that is open may hide the rest
		return fmt.Errorf("%d of the values %v are seen, it must be all or none", n, txn.values)
	case n == 0 && txn.state == txnCommitted && stable && len(txn.values) > 0:
		return fmt.Errorf("the values %v are not seen, and were committed", txn.values)
	case txn.state == txnUnknown && stable:
		txn.state = txnAborted
		if n > 0 {
			txn.state = txnCommitted
		}
	}
	return nil
}

func count(values []int, seen map[int]bool) (n int) {
	for _, v := range values {
		if seen[v] {
			n++
		}
	}
	return n
}

// judgeCompacted checks that of the key of each committed value, it or a later one
// is seen.
func (h *txnHistory) judgeCompacted(txn *sentTxn, seen map[int]bool, stable bool) error {
	if txn.state != txnCommitted || !stable {
		return nil
	}
	for _, v := range txn.values {
		later := v
		for later < h.value && !seen[later] {
			later += 5
		}
		if later >= h.value {
			return fmt.Errorf("value %d was committed, and neither it nor a later one of its key is seen", v)
		}
	}
	return nil
}

// resume makes the producers go on from what the partition knows. Transactions that
// are open there are still open; others are over.
func (h *txnHistory) resume() {
	known := h.p.Producers()
	for id, txn := range h.open {
		i := slices.IndexFunc(known, func(s ProducerState) bool { return s.ID == id })
		if i < 0 || known[i].TxnStart < 0 {
			txn.state = txnAborted
			delete(h.open, id)
		}
	}
	for _, s := range known {
		a := h.producer(s.ID)
		a.Epoch, a.Sequence = max(a.Epoch, s.Epoch), nextSequence(s.LastSequence)
		if a.Epoch > s.Epoch {
			a.Sequence = 0
		}
	}
}
