package log

import (
	"errors"
	"testing"
	"time"

	"github.com/evidentlog/evident/internal/vfs"
)

func (l *testLog) deleteRecords(p *Partition, offset int64) {
	l.t.Helper()
	if err := l.DeleteRecords(map[*Partition]int64{p: offset})[p]; err != nil {
		l.t.Fatal(err)
	}
}

// Wherever records are cut off, those below stay away after a power cut and those
// above stay there; whole segments go at once.
func TestDeletedRecordsStayAwayAfterAPowerCut(t *testing.T) {
	for offset := range int64(13) {
		disk := vfs.NewMem()
		l, p := started(t, disk, smallSegments) // of five records
		fill(t, p, 0, 12, 100)
		l.deleteRecords(p, offset)
		files := len(segmentFiles(t, disk, ".log"))
		if want := 3 - int(min(offset, 10)/5); files != want && offset < 12 || offset == 12 && files != 1 {
			t.Errorf("deleted below %d: %d segments are left, want %d", offset, files, want)
		}
		after := disk.Crash(vfs.KeepNone)
		_ = l.Close()
		_, p = started(t, after, smallSegments)
		if p.LogStart() != offset || p.LogEnd() != 12 {
			t.Errorf("deleted below %d: [%d, %d) is left", offset, p.LogStart(), p.LogEnd())
		}
		if offset < 12 {
			wantFrom(t, p, int(offset), 11)
		}
		if a := mustAppend(t, p, makeBatch(t, 12, 1, 100, nil)); a.BaseOffset != 12 || a.LogStart != offset {
			t.Errorf("deleted below %d: the next record went to %+v", offset, a)
		}
	}
}

func TestRecordsAreDeletedUpToTheHighWatermarkOnly(t *testing.T) {
	l, p := started(t, vfs.NewMem(), smallSegments)
	fill(t, p, 0, 3, 100)
	for _, offset := range []int64{-1, 4} {
		if err := l.DeleteRecords(map[*Partition]int64{p: offset})[p]; !errors.Is(err, ErrOffsetOutOfRange) {
			t.Errorf("deleted below %d: %v", offset, err)
		}
	}
	l.deleteRecords(p, 2)
	l.deleteRecords(p, 1) // is no error, and takes nothing back
	if p.LogStart() != 2 {
		t.Errorf("log start %d, want 2", p.LogStart())
	}
}

// Until the disk has the new log start nobody is told that it has it.
func TestAFailedDeletionIsAnErrorUntilItIsDurable(t *testing.T) {
	disk := newFaults()
	l, p := started(t, disk, smallSegments)
	other := l.partition("b", 0, smallSegments)
	fill(t, p, 0, 12, 100)
	fill(t, other, 0, 12, 100)
	disk.fail(vfs.OpRename, "checkpoint", errDisk)
	for range 2 { // the second finds the log start in memory
		failed := l.DeleteRecords(map[*Partition]int64{p: 7, other: 7})
		if !errors.Is(failed[p], errDisk) || !errors.Is(failed[other], errDisk) {
			t.Errorf("got %v", failed)
		}
	}
	if n := len(segmentFiles(t, disk, ".log")); n != 3 {
		t.Errorf("%d segments, want all 3", n)
	}
	disk.heal()
	if failed := l.DeleteRecords(map[*Partition]int64{p: 7, other: 7}); len(failed) > 0 {
		t.Errorf("got %v", failed)
	}
	after := disk.mem.Crash(vfs.KeepNone)
	_ = l.Close()
	_, p = started(t, after, smallSegments)
	wantFrom(t, p, 7, 11)
}

func TestAStoppedPartitionKeepsItsRecords(t *testing.T) {
	disk := newFaults()
	l, p := started(t, disk, smallSegments)
	fill(t, p, 0, 12, 100)
	mustDo(t, p.flush())
	disk.fail(vfs.OpWrite, "", errDisk)
	if _, err := appendSync(p, makeBatch(t, 12, 1, 100, nil)); !errors.Is(err, ErrStorage) {
		t.Fatal(err)
	}
	if err := l.DeleteRecords(map[*Partition]int64{p: 7})[p]; !errors.Is(err, ErrStorage) || p.LogStart() != 0 {
		t.Errorf("got %v, log start %d", err, p.LogStart())
	}
}

// Lookups by time see only what is left of a segment.
func TestLookupsByTimeLeaveOutDeletedRecords(t *testing.T) {
	l, p := started(t, vfs.NewMem())
	at := time.Now().UnixMilli()
	mustAppend(t, p, stampedBatch(t, 0, 20, at+9, at+1, at+3, at+2))
	mustAppend(t, p, stampedBatch(t, 4, 20, at))
	for _, c := range []struct{ start, offset, timestamp int64 }{{0, 0, at + 9}, {1, 2, at + 3}, {3, 3, at + 2}, {4, 4, at}} {
		l.deleteRecords(p, c.start)
		if offset, timestamp, ok, err := p.MaxTimestamp(); offset != c.offset || timestamp != c.timestamp || !ok || err != nil {
			t.Errorf("log start %d: largest timestamp %d at offset %d, %v, %v; want %+v", c.start, timestamp, offset, ok, err, c)
		}
		if offset, _, ok, err := p.OffsetForTime(c.timestamp); offset != c.offset || !ok || err != nil {
			t.Errorf("log start %d: time %d is at offset %d, %v, %v; want %d", c.start, c.timestamp, offset, ok, err, c.offset)
		}
	}
	l.deleteRecords(p, 5)
	if _, _, ok, err := p.MaxTimestamp(); ok || err != nil {
		t.Errorf("an empty partition has a largest timestamp: %v", err)
	}
}

// A truncation into the batch that holds the log start takes that down with it, and
// what is appended then is there after a power cut.
func TestTruncationWithinTheBatchOfTheLogStart(t *testing.T) {
	disk := vfs.NewMem()
	l, p := started(t, disk)
	mustAppend(t, p, makeBatch(t, 0, 10, 20, nil))
	l.deleteRecords(p, 5)
	mustDo(t, p.Truncate(7))
	if p.LogStart() != 0 || p.LogEnd() != 0 {
		t.Fatalf("[%d, %d) is left", p.LogStart(), p.LogEnd())
	}
	fill(t, p, 0, 3, 20)
	after := disk.Crash(vfs.KeepNone)
	_ = l.Close()
	_, p = started(t, after)
	wantFrom(t, p, 0, 2)
}

// A segment that a truncation has ended at the log start holds no record, but
// recovery begins in it.
func TestTruncationToTheLogStart(t *testing.T) {
	disk := vfs.NewMem()
	l, p := started(t, disk)
	mustAppend(t, p, makeBatch(t, 0, 3, 20, nil))
	mustAppend(t, p, makeBatch(t, 3, 3, 20, nil))
	l.deleteRecords(p, 4)
	mustDo(t, p.Truncate(4))
	mustDo(t, l.writeCheckpoints())
	seal(t, p)
	fill(t, p, 3, 5, 20)
	mustDo(t, p.flush())
	after := disk.Crash(vfs.KeepNone)
	_ = l.Close()
	_, p = started(t, after)
	mustDo(t, p.Err())
	wantFrom(t, p, 3, 4)
}
