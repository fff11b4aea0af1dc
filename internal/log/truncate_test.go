package log

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/evidentlog/evident/internal/vfs"
)

// tripled is a log whose partition has n batches of three records.
func tripled(t *testing.T, disk vfs.FS, n int) (*testLog, *Partition) {
	t.Helper()
	l, p := started(t, disk, smallSegments)
	for v := range n {
		mustAppend(t, p, makeBatch(t, 3*v, 3, 50, nil))
	}
	return l, p
}

// TestTruncateRemovesWhatIsAtTheOffsetAndBeyond, with the whole batch that holds
// it, for good.
func TestTruncateRemovesWhatIsAtTheOffsetAndBeyond(t *testing.T) {
	for offset := int64(0); offset <= 60; offset += 7 {
		t.Run(fmt.Sprint(offset), func(t *testing.T) {
			left := int(offset / 3 * 3)
			disk := vfs.NewMem()
			l, p := tripled(t, disk, 20)
			mustDo(t, p.Truncate(offset))
			wantValues(t, values(t, p), left)
			if p.HighWatermark() != int64(left) || p.LogEnd() != int64(left) {
				t.Errorf("high watermark %d, log end %d, want %d", p.HighWatermark(), p.LogEnd(), left)
			}
			if _, _, ok, err := p.OffsetForTime(0); ok != (left > 0) || err != nil {
				t.Errorf("lookup by time: %v, %v", ok, err)
			}
			for _, step := range []string{"nothing", "crash", "append", "crash", "close"} {
				switch step {
				case "append":
					fill(t, p, left, left+5, 50)
					fill(t, p, left+5, left+6, largeBytes)
					left += 6
				case "crash":
					disk = disk.Crash(vfs.KeepAll)
					_ = l.Close()
					l, p = started(t, disk, smallSegments)
				case "close":
					l.close()
					l, p = started(t, disk, smallSegments)
				}
				mustDo(t, p.Err())
				wantValues(t, values(t, p), left)
			}
		})
	}
}

// TestTruncatedBatchesNeverComeBack: they stand in the journal, and batches that
// do not take the journal make room for them.
func TestTruncatedBatchesNeverComeBack(t *testing.T) {
	disk := vfs.NewMem()
	l, p := started(t, disk)
	fill(t, p, 0, 3, 50)
	for v := range 6 {
		mustAppend(t, p, makeBatch(t, 100+v, 1, 50, nil))
	}
	mustDo(t, p.Truncate(3))
	fill(t, p, 3, 5, largeBytes)
	for _, keep := range []vfs.Keep{vfs.KeepAll, vfs.KeepNone} {
		_, p := started(t, disk.Crash(keep))
		mustDo(t, p.Err())
		wantValues(t, values(t, p), 5)
	}
	_ = l.Close()
}

func TestTruncateRefusesOffsetsOutsideThePartition(t *testing.T) {
	_, p := tripled(t, vfs.NewMem(), 2)
	for _, offset := range []int64{-1, 7, 100} {
		if err := p.Truncate(offset); !errors.Is(err, ErrOffsetOutOfRange) {
			t.Errorf("Truncate(%d): %v", offset, err)
		}
	}
	wantValues(t, values(t, p), 6)
	fill(t, p, 6, 7, 50)
}

// TestTruncateForgetsSequencesBeyond: what was removed can be sent again.
func TestTruncateForgetsSequencesBeyond(t *testing.T) {
	_, p := started(t, vfs.NewMem())
	a := producing(1, 0)
	var sent [][]byte
	for v := range 4 {
		sent = append(sent, a.next(t, v, 1))
		mustAppend(t, p, append([]byte(nil), sent[v]...))
	}
	mustDo(t, p.Truncate(2))
	for v, raw := range sent {
		if got := mustAppend(t, p, raw); got.Duplicate != (v < 2) || got.BaseOffset != int64(v) {
			t.Errorf("batch %d: %+v", v, got)
		}
	}
	wantValues(t, values(t, p), 4)
}

// TestTruncateWhileAppendsGoOn: each is acknowledged or refused, and what is there
// in the end has no gap.
func TestTruncateWhileAppendsGoOn(t *testing.T) {
	_, p := started(t, vfs.NewMem(), smallSegments)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for v := range 100 {
				if _, err := appendSync(p, makeBatch(t, v, 1, 50, nil)); err != nil && !errors.Is(err, ErrStorage) {
					t.Errorf("append: %v", err)
				}
			}
		})
	}
	wg.Go(func() {
		for range 20 {
			if err := p.Truncate(p.LogEnd() / 2); err != nil && !errors.Is(err, ErrOffsetOutOfRange) {
				t.Errorf("truncate: %v", err)
			}
		}
	})
	wg.Wait()
	mustDo(t, p.Err())
	all, err := readAll(p)
	if err != nil || int64(len(all)) != p.LogEnd() {
		t.Errorf("%d records, log end %d, %v", len(all), p.LogEnd(), err)
	}
}

// TestTruncateMayFailAtAnyOperation: it has no effect or is completed.
func TestTruncateMayFailAtAnyOperation(t *testing.T) {
	for n, hit := 1, true; hit; n++ {
		for _, crash := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				disk := newFaults()
				l, p := tripled(t, disk, 20)
				first := disk.Mutations()
				hit = false
				disk.set(func(op vfs.Op) error {
					if op.Kind.Mutates() && op.N == first+n {
						hit = true
						return errDisk
					}
					return nil
				})
				err := p.Truncate(25)
				if crash {
					after := disk.mem.Crash(vfs.KeepAll)
					_ = l.Close()
					_, p = started(t, after, smallSegments)
					mustDo(t, p.Err())
				} else {
					disk.heal()
					waitRepaired(t, p)
				}
				got := values(t, p)
				if err == nil {
					wantValues(t, got, 24)
				} else if len(got)%3 != 0 || len(got) < 24 || len(got) > 60 {
					t.Errorf("operation %d failed: %d records", n, len(got))
				}
				wantValues(t, got, len(got))
				fill(t, p, len(got), len(got)+4, 50)
				wantValues(t, values(t, p), len(got)+4)
			})
		}
	}
}
