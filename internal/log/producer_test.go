package log

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/internal/vfs"
)

// producerOf makes the batches of one idempotent producer.
type producerOf struct {
	batch.Producer
	sent []byte
}

// producing returns what makes the next batch of a producer.
func producing(id int64, epoch int16) *producerOf {
	return &producerOf{Producer: batch.Producer{ID: id, Epoch: epoch}}
}

// next is a batch of n records with values from v on.
func (p *producerOf) next(t *testing.T, v, n int) []byte {
	t.Helper()
	at := p.Producer
	p.sent = makeBatch(t, v, n, 50, &at)
	p.Sequence = int32((int64(p.Sequence) + int64(n)) & math.MaxInt32)
	return bytes.Clone(p.sent)
}

// last is the last batch once more.
func (p *producerOf) last() []byte { return bytes.Clone(p.sent) }

// TestABatchSentAgainIsRecognised, the last five of each producer, and is
// answered with the offsets of the first copy.
func TestABatchSentAgainIsRecognised(t *testing.T) {
	disk := vfs.NewMem()
	l, p := started(t, disk)
	a, b := producing(1, 0), producing(2, 0)
	var sent [][]byte
	for v := range 7 {
		sent = append(sent, a.next(t, 2*v, 2))
		mustAppend(t, p, bytes.Clone(sent[v]))
		mustAppend(t, p, b.next(t, 0, 1))
	}
	check := func(p *Partition, remembered int) {
		t.Helper()
		for v, raw := range sent {
			got, err := appendSync(p, bytes.Clone(raw))
			switch {
			case v < len(sent)-remembered:
				if !errors.Is(err, ErrOutOfOrderSequence) {
					t.Errorf("batch %d of %d: %+v, %v", v, len(sent), got, err)
				}
			case err != nil || !got.Duplicate || got.BaseOffset != int64(3*v) || got.LastOffset != int64(3*v+1):
				t.Errorf("batch %d of %d: %+v, %v", v, len(sent), got, err)
			}
		}
		if p.LogEnd() != 21 {
			t.Errorf("log end %d", p.LogEnd())
		}
	}
	check(p, 5)
	l.close()
	l, p = started(t, disk)
	check(p, 5)
	after := disk.Crash(vfs.KeepNone)
	_ = l.Close()
	l, p = started(t, after)
	check(p, 5)
	// Without a checkpoint the state is that of the batches.
	disk = after.Crash(vfs.KeepNone)
	_ = l.Close()
	mustDo(t, disk.Remove("data/checkpoint"))
	_, p = started(t, disk)
	check(p, 5)
}

// TestADuplicateWaitsForTheFirstCopy.
func TestADuplicateWaitsForTheFirstCopy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newFaults()
		_, p := started(t, disk)
		a := producing(1, 0)
		mustAppend(t, p, a.next(t, 0, 1))
		release := disk.holdSyncs()
		done := make(chan error, 2)
		for i, raw := range [][]byte{a.next(t, 1, 1), a.last()} {
			got, err := p.Append(raw, AckDurable, func(err error) { done <- err })
			if err != nil || got.Duplicate != (i == 1) || got.BaseOffset != 1 {
				t.Errorf("copy %d: %+v, %v", i, got, err)
			}
		}
		synctest.Wait()
		if len(done) > 0 {
			t.Error("acknowledged before the sync")
		}
		release()
		mustDo(t, errors.Join(<-done, <-done))
		wantValues(t, values(t, p), 2)
	})
}

// TestAFailedBatchIsForgotten: it can be sent again, and is then no duplicate.
func TestAFailedBatchIsForgotten(t *testing.T) {
	for _, n := range []int{1, 7} { // more than are remembered
		synctest.Test(t, func(t *testing.T) {
			disk := newFaults()
			l, p := started(t, disk)
			a := producing(1, 0)
			for v := range 3 {
				mustAppend(t, p, a.next(t, v, 1))
			}
			release := disk.holdSyncs()
			failed := make(chan error, n)
			var sent [][]byte
			for v := range n {
				sent = append(sent, a.next(t, 3+v, 1))
				_, err := p.Append(bytes.Clone(sent[v]), AckDurable, func(err error) { failed <- err })
				mustDo(t, err)
			}
			disk.fail(vfs.OpSync, "", errDisk)
			release()
			for range n {
				<-failed // the first round may have been on its way
			}
			disk.heal()
			waitRepaired(t, p)
			end := int(p.LogEnd())
			for v, raw := range sent {
				a, err := appendSync(p, raw)
				if 3+v < end-producerWindow {
					continue // it was on its way in the first round, and is not remembered any more
				}
				if err != nil || a.Duplicate != (3+v < end) {
					t.Errorf("batch %d with the log end %d: %+v, %v", v, end, a, err)
				}
			}
			wantValues(t, values(t, p), 3+n)
			_ = l.Close()
		})
	}
}

// TestACheckpointKnowsOnlyDurableBatches: one that was lost with the power is no
// duplicate when it is sent again.
func TestACheckpointKnowsOnlyDurableBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newFaults()
		l, p := started(t, disk)
		a := producing(1, 0)
		mustAppend(t, p, a.next(t, 0, 1))
		held := make(chan struct{})
		disk.set(func(op vfs.Op) error {
			if op.Kind == vfs.OpSync && strings.Contains(op.Name, ".journal") {
				<-held
				return errDisk
			}
			return nil
		})
		_, err := p.Append(a.next(t, 1, 1), AckDurable, func(error) {})
		mustDo(t, err)
		synctest.Wait()
		mustDo(t, l.writeCheckpoints())
		after := disk.mem.Crash(vfs.KeepNone)
		close(held)
		_ = l.Close()
		_, p = started(t, after)
		wantValues(t, values(t, p), 1)
		if got := mustAppend(t, p, a.last()); got.Duplicate || got.BaseOffset != 1 {
			t.Errorf("sent again: %+v", got)
		}
	})
}

func TestSequencesOutOfOrderAreRefused(t *testing.T) {
	_, p := started(t, vfs.NewMem())
	a := producing(1, 0)
	mustAppend(t, p, a.next(t, 0, 3))
	for _, seq := range []int32{1, 2, 4, 100} {
		raw := makeBatch(t, 0, 3, 50, &batch.Producer{ID: 1, Sequence: seq})
		if _, err := appendSync(p, raw); !errors.Is(err, ErrOutOfOrderSequence) {
			t.Errorf("sequence %d after 2: %v", seq, err)
		}
	}
	// The same begin with another end is another batch.
	if _, err := appendSync(p, makeBatch(t, 0, 2, 50, &batch.Producer{ID: 1})); !errors.Is(err, ErrOutOfOrderSequence) {
		t.Errorf("a shorter batch with a known sequence: %v", err)
	}
	wantValues(t, values(t, p), 3)
	mustAppend(t, p, a.next(t, 3, 1))
}

func TestAnOldEpochIsFenced(t *testing.T) {
	disk := vfs.NewMem()
	l, p := started(t, disk)
	old, fresh := producing(1, 3), producing(1, 4)
	mustAppend(t, p, old.next(t, 0, 2))
	if _, err := appendSync(p, makeBatch(t, 0, 1, 50, &batch.Producer{ID: 1, Epoch: 4, Sequence: 2})); !errors.Is(err, ErrOutOfOrderSequence) {
		t.Errorf("a new epoch that does not begin with sequence 0: %v", err)
	}
	mustAppend(t, p, fresh.next(t, 2, 2))
	check := func(p *Partition) {
		t.Helper()
		if _, err := appendSync(p, makeBatch(t, 0, 1, 50, &batch.Producer{ID: 1, Epoch: 3, Sequence: 2})); !errors.Is(err, ErrProducerFenced) {
			t.Errorf("the old epoch: %v", err)
		}
	}
	check(p)
	after := disk.Crash(vfs.KeepNone)
	_ = l.Close()
	_, p = started(t, after)
	check(p)
	mustAppend(t, p, fresh.next(t, 4, 1))
	wantValues(t, values(t, p), 5)
}

func TestSequencesGoOnAtZero(t *testing.T) {
	disk := vfs.NewMem()
	l, p := started(t, disk)
	a := producing(1, 0)
	a.Sequence = math.MaxInt32 - 1
	mustAppend(t, p, a.next(t, 0, 4)) // 2^31-2, 2^31-1, 0, 1
	if a.Sequence != 2 {
		t.Fatalf("the test's own arithmetic: %d", a.Sequence)
	}
	if got := mustAppend(t, p, a.last()); !got.Duplicate {
		t.Errorf("sent again: %+v", got)
	}
	after := disk.Crash(vfs.KeepNone)
	_ = l.Close()
	_, p = started(t, after)
	if got := mustAppend(t, p, a.last()); !got.Duplicate {
		t.Errorf("sent again after a crash: %+v", got)
	}
	mustAppend(t, p, a.next(t, 4, 1))
	a.Sequence = math.MaxInt32
	wantValues(t, values(t, p), 5)
}

func TestOneBatchOfAProducerInARequest(t *testing.T) {
	_, p := started(t, vfs.NewMem())
	a := producing(1, 0)
	raw := append(a.next(t, 0, 1), a.next(t, 1, 1)...)
	if _, err := appendSync(p, raw); !errors.Is(err, ErrInvalidRecord) {
		t.Errorf("two batches: %v", err)
	}
	wantValues(t, values(t, p), 0)
}

// TestProducersAreForgottenAfterAWhile, and only then.
func TestProducersAreForgottenAfterAWhile(t *testing.T) {
	c := newClock()
	l := openLog(t, vfs.NewMem(), c.config, func(c *Config) { c.ProducerExpiry = time.Hour })
	p := l.partition("a", 0)
	l.start()
	a := producing(1, 0)
	mustAppend(t, p, a.next(t, 0, 1))
	c.now = c.now.Add(time.Hour)
	l.expireProducers()
	if got := mustAppend(t, p, a.last()); !got.Duplicate {
		t.Errorf("an hour later: %+v", got)
	}
	c.now = c.now.Add(time.Millisecond)
	l.expireProducers()
	a.Sequence = 55 // any is as good as another
	mustAppend(t, p, a.next(t, 1, 1))
}

// TestProducersSurviveCompaction: of a producer whose records are all gone the
// last batch stays.
func TestProducersSurviveCompaction(t *testing.T) {
	for _, checkpoint := range []bool{true, false} {
		disk := vfs.NewMem()
		l, p := started(t, disk, smallSegments, compacted)
		a := producing(1, 0)
		mustAppend(t, p, a.next(t, 0, 1))
		mustAppend(t, p, a.next(t, 0, 1))
		for range 30 {
			fill(t, p, 0, 1, 100) // the same key
		}
		mustDo(t, p.compact(t.Context(), time.Now()))
		after := disk.Crash(vfs.KeepNone)
		_ = l.Close()
		if !checkpoint {
			mustDo(t, after.Remove("data/checkpoint"))
		}
		_, p = started(t, after, smallSegments, compacted)
		if got := mustAppend(t, p, a.last()); !got.Duplicate || got.BaseOffset != 1 {
			t.Errorf("sent again: %+v", got)
		}
		mustAppend(t, p, a.next(t, 1, 1))
	}
}

func compacted(s *Settings) { s.Compact, s.Delete, s.MinCleanableRatio = true, false, 0 }
