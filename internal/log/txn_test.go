package log

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/internal/vfs"
)

// wantCommitted checks what readers of committed records see, and that all that
// is told of transactions agrees with the batches.
func wantCommitted(t *testing.T, p *Partition, stable int64, values ...int) {
	t.Helper()
	mustAgree(t, p)
	got, err := committedFrom(p, p.LogStart(), 1<<20)
	mustDo(t, err)
	var seen []int
	for _, r := range got {
		seen = append(seen, r.value)
	}
	if !slices.Equal(seen, values) || p.LastStableOffset() != stable {
		t.Errorf("read %v, last stable offset %d; want %v and %d", seen, p.LastStableOffset(), values, stable)
	}
}

// TestReadersOfCommittedRecordsSeeTransactionsOnceTheyHaveEnded, all or nothing,
// and nothing behind the first that has not.
func TestReadersOfCommittedRecordsSeeTransactionsOnceTheyHaveEnded(t *testing.T) {
	_, p := started(t, vfs.NewMem())
	a, b := transacting(1), transacting(2)
	mustAppend(t, p, numbered(t, batch.Head{}, 0, 1))
	mustAppend(t, p, a.next(t, 1, 2))
	wantCommitted(t, p, 1, 0)
	mustAppend(t, p, numbered(t, batch.Head{}, 3, 1))
	mustAppend(t, p, b.next(t, 4, 1))
	mustAppend(t, p, a.next(t, 5, 1))
	mustEnd(t, p, b, true) // at 6
	wantCommitted(t, p, 1, 0)
	mustAppend(t, p, b.next(t, 7, 1))
	mustEnd(t, p, a, false) // at 8
	wantCommitted(t, p, 7, 0, 3, 4)
	mustAppend(t, p, numbered(t, batch.Head{}, 9, 1))
	mustEnd(t, p, b, true)
	wantCommitted(t, p, 11, 0, 3, 4, 7, 9)
	if n := len(dataRecords(t, p)); n != 8 {
		t.Errorf("%d records for readers of all", n)
	}
	list, err := p.Aborted(0, 11)
	mustDo(t, err)
	if want := []AbortedTxn{{1, 1}}; !slices.Equal(list, want) {
		t.Errorf("aborted: %v, want %v", list, want)
	}
}

// dataRecords is every record but markers.
func dataRecords(t *testing.T, p *Partition) []stored {
	t.Helper()
	all, err := batchesBelow(p)
	mustDo(t, err)
	var out []stored
	for _, b := range all {
		if b.Attributes().Control() {
			continue
		}
		records, _, err := recordsOf(b)
		mustDo(t, err)
		out = append(out, records...)
	}
	return out
}

// TestAMarkerCountsOnceItIsDurable.
func TestAMarkerCountsOnceItIsDurable(t *testing.T) {
	for _, loosened := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			disk := newFaults()
			_, p := started(t, disk, func(s *Settings) {
				if loosened {
					s.FlushMessages, s.FlushInterval = 1000, 1<<40
				}
			})
			a := transacting(1)
			mustAppend(t, p, a.next(t, 0, 1))
			release := disk.holdSyncs()
			ended := make(chan error, 1)
			mustDo(t, p.AppendMarker(a.marker(true), func(err error) { ended <- err }))
			synctest.Wait()
			if len(ended) > 0 || p.LastStableOffset() != 0 {
				t.Errorf("%d answers, last stable offset %d, before the sync", len(ended), p.LastStableOffset())
			}
			release()
			mustDo(t, <-ended)
			if p.LastStableOffset() != 2 {
				t.Errorf("last stable offset %d", p.LastStableOffset())
			}
		})
	}
}

// TestAMarkerThatFailsLeavesTheTransactionOpen, and it can be ended once the
// partition is back.
func TestAMarkerThatFailsLeavesTheTransactionOpen(t *testing.T) {
	for _, commit := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			disk := newFaults()
			l, p := started(t, disk)
			a := transacting(1)
			mustAppend(t, p, a.next(t, 0, 1))
			mustDo(t, l.writeCheckpoints())
			disk.fail(vfs.OpSync, ".journal", errors.New("no"))
			if err := a.end(p, commit); !errors.Is(err, ErrStorage) {
				t.Fatal(err)
			}
			disk.heal()
			waitRepaired(t, p)
			wantCommitted(t, p, 0)
			mustEnd(t, p, a, commit)
			if commit {
				wantCommitted(t, p, 2, 0)
			} else {
				wantCommitted(t, p, 2)
			}
		})
	}
}

// TestMarkersFence producers with an earlier epoch, and are fenced by later ones
// and by later coordinators.
func TestMarkersFence(t *testing.T) {
	_, p := started(t, vfs.NewMem())
	a := transacting(1)
	a.Epoch, a.coordinator = 4, 7
	old := *a
	mustAppend(t, p, a.next(t, 0, 1))
	a.Epoch, a.Sequence = 5, 0
	mustEnd(t, p, a, true)
	wantCommitted(t, p, 2, 0)
	old.Sequence = 1
	if _, err := appendSync(p, old.next(t, 1, 1)); !errors.Is(err, ErrProducerFenced) {
		t.Errorf("a batch of the old epoch: %v", err)
	}
	if err := old.end(p, true); !errors.Is(err, ErrProducerFenced) {
		t.Errorf("a marker of the old epoch: %v", err)
	}
	a.coordinator = 6
	if err := a.end(p, true); !errors.Is(err, ErrCoordinatorFenced) {
		t.Errorf("a marker of an earlier coordinator: %v", err)
	}
	a.coordinator, a.Sequence = 7, 3
	if _, err := appendSync(p, a.next(t, 1, 1)); !errors.Is(err, ErrOutOfOrderSequence) {
		t.Errorf("sequence 3 after a new epoch: %v", err)
	}
	a.Sequence = 0
	mustAppend(t, p, a.next(t, 1, 1))
	mustEnd(t, p, a, true)
	mustAppend(t, p, a.next(t, 2, 1)) // in the same epoch the sequence goes on
	mustEnd(t, p, a, true)
	wantCommitted(t, p, 6, 0, 1, 2)
	want := []ProducerState{{ID: 1, Epoch: 5, LastSequence: 1, LastTimestamp: p.Producers()[0].LastTimestamp, CoordinatorEpoch: 7, TxnStart: -1}}
	if got := p.Producers(); !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestAMarkerWithoutATransactionFencesAsWell.
func TestAMarkerWithoutATransactionFencesAsWell(t *testing.T) {
	_, p := started(t, vfs.NewMem())
	a := transacting(1)
	late := a.next(t, 0, 1)
	a.Epoch = 1
	mustEnd(t, p, a, false)
	wantCommitted(t, p, 1)
	if _, err := appendSync(p, late); !errors.Is(err, ErrProducerFenced) {
		t.Errorf("a batch of the old epoch: %v", err)
	}
	if list, err := p.Aborted(0, 1); err != nil || len(list) > 0 {
		t.Errorf("aborted: %v, %v", list, err)
	}
}

// TestABatchOutsideOfTheOpenTransactionIsRefused, and one of another producer is
// not.
func TestABatchOutsideOfTheOpenTransactionIsRefused(t *testing.T) {
	_, p := started(t, vfs.NewMem())
	a := transacting(1)
	mustAppend(t, p, a.next(t, 0, 1))
	outside := numbered(t, batch.Head{Producer: &batch.Producer{ID: 1, Sequence: 1}}, 1, 1)
	if _, err := appendSync(p, slices.Clone(outside)); !errors.Is(err, ErrInvalidTxnState) {
		t.Error(err)
	}
	mustAppend(t, p, numbered(t, batch.Head{Producer: &batch.Producer{ID: 2}}, 1, 1))
	mustEnd(t, p, a, true)
	mustAppend(t, p, outside)
	wantCommitted(t, p, 4, 0, 1, 1)
}

// TestWhatIsNotAdmittedIsNotAppended, and what is in the log already needs no
// admission.
func TestWhatIsNotAdmittedIsNotAppended(t *testing.T) {
	_, p := started(t, vfs.NewMem())
	a := transacting(1)
	first := a.next(t, 0, 1)
	refusal := errors.New("no")
	o := AppendOptions{Ack: AckDurable, Admit: func() error { return refusal }}
	if _, err := p.AppendWith(slices.Clone(first), o, nil); !errors.Is(err, refusal) || p.LogEnd() != 0 {
		t.Errorf("%v, log end %d", err, p.LogEnd())
	}
	mustAppend(t, p, slices.Clone(first))
	if got, err := p.AppendWith(first, o, nil); err != nil || !got.Duplicate {
		t.Errorf("sent again: %+v, %v", got, err)
	}
}

// TestACoordinatorsBatchesHaveNoSequence, and nobody else's.
func TestACoordinatorsBatchesHaveNoSequence(t *testing.T) {
	disk := vfs.NewMem()
	l, p := started(t, disk)
	head := batch.Head{Producer: &batch.Producer{ID: 1, Sequence: batch.NoSequence}, Transactional: true}
	if _, err := appendSync(p, numbered(t, head, 0, 1)); !errors.Is(err, ErrInvalidRecord) {
		t.Errorf("a client's: %v", err)
	}
	for v := range 3 {
		_, err := p.AppendWith(numbered(t, head, v, 1), AppendOptions{Coordinator: true}, nil)
		mustDo(t, err)
	}
	l.close()
	_, p = started(t, disk)
	wantCommitted(t, p, 0)
	mustEnd(t, p, transacting(1), true)
	wantCommitted(t, p, 4, 0, 1, 2)
}
