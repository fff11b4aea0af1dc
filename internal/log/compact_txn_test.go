package log

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/internal/vfs"
)

// wantBatches checks what is stored: of each batch its base offset, and its
// values, "commit" or "abort"; behind it a "+" if it has a delete horizon.
func wantBatches(t *testing.T, p *Partition, want ...string) {
	t.Helper()
	mustAgree(t, p)
	all, err := batchesBelow(p)
	mustDo(t, err)
	var got []string
	for _, b := range all {
		m, isMarker := b.Marker()
		var text string
		switch {
		case isMarker && m.Commit:
			text = "commit"
		case isMarker:
			text = "abort"
		case b.Count() == 0:
			text = "empty"
		default:
			records, _, err := recordsOf(b)
			mustDo(t, err)
			for _, r := range records {
				text += fmt.Sprint(r.value, ",")
			}
		}
		if _, ok := b.DeleteHorizon(); ok {
			text += "+"
		}
		got = append(got, fmt.Sprintf("%d:%s", b.BaseOffset(), text))
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// reopened closes the log without a clean stop and opens it again.
func reopened(t *testing.T, l *testLog, disk *vfs.Mem, c *clock) (*testLog, *Partition, *vfs.Mem) {
	t.Helper()
	after := disk.Crash(vfs.KeepNone)
	_ = l.Close()
	l = openLog(t, after, c.config)
	p := l.partition("a", 0, compacted)
	l.start()
	return l, p, after
}

// TestCompactionRemovesAbortedRecordsAndThenTheirMarkers: those go when a
// compaction finds no record of their transaction, and delete.retention.ms later.
// The index of aborted transactions goes with the records.
func TestCompactionRemovesAbortedRecordsAndThenTheirMarkers(t *testing.T) {
	disk := vfs.NewMem()
	l, p, c := compactable(t, disk, func(s *Settings) { s.DeleteRetention = time.Hour })
	a, b := transacting(1), transacting(2)
	again := func(value int) {
		t.Helper()
		mustAppend(t, p, numbered(t, batch.Head{}, value, 1))
		seal(t, p)
		compactNow(t, p, c.now)
	}
	mustAppend(t, p, a.next(t, 0, 2)) // key 0 and 1, at 0
	mustAppend(t, p, b.next(t, 2, 1)) // key 2, at 2
	mustEnd(t, p, a, false)           // at 3
	mustEnd(t, p, b, true)            // at 4
	mustAppend(t, p, a.next(t, 3, 1)) // key 3, at 5
	mustEnd(t, p, a, true)            // at 6
	mustAppend(t, p, b.next(t, 4, 1)) // key 4, at 7
	mustEnd(t, p, b, true)            // at 8
	again(100)                        // key 0, at 9
	wantBatches(t, p, "2:2,", "3:abort", "4:commit", "5:3,", "6:commit", "7:4,", "8:commit", "9:100,")
	again(102) // key 2, at 10
	wantBatches(t, p, "3:abort+", "4:commit", "5:3,", "6:commit", "7:4,", "8:commit", "9:100,", "10:102,")
	if list, err := p.Aborted(0, 11); err != nil || len(list) > 0 {
		t.Errorf("aborted: %v, %v", list, err)
	}
	l, p, _ = reopened(t, l, disk, c)
	p.SetSettings(func(s Settings) Settings { s.DeleteRetention = time.Hour; return s }(p.Settings()))
	again(105) // key 0, at 11
	wantBatches(t, p, "3:abort+", "4:commit+", "5:3,", "6:commit", "7:4,", "8:commit", "10:102,", "11:105,")
	c.now = c.now.Add(2 * time.Hour)
	again(103) // key 3, at 12: of producer 1 the sequence number remains
	wantBatches(t, p, "5:empty", "6:commit", "7:4,", "8:commit", "10:102,", "11:105,", "12:103,")
	_ = l.Close()
}

// TestAbortedRecordsReplaceNothing: the committed value before them stays.
func TestAbortedRecordsReplaceNothing(t *testing.T) {
	_, p, c := compactable(t, vfs.NewMem())
	a := transacting(1)
	mustAppend(t, p, a.next(t, 0, 1))
	mustEnd(t, p, a, true)
	mustAppend(t, p, a.next(t, 5, 1)) // of the same key
	mustEnd(t, p, a, false)
	mustAppend(t, p, numbered(t, batch.Head{}, 1, 1))
	seal(t, p)
	compactNow(t, p, c.now)
	wantCommitted(t, p, 5, 0, 1)
}

// TestMarkersReplaceNothing: their keys are of another kind than records' keys.
func TestMarkersReplaceNothing(t *testing.T) {
	_, p, c := compactable(t, vfs.NewMem())
	write(t, p, c.now, "\x00\x00\x00\x01=1")
	mustEnd(t, p, transacting(1), true)
	write(t, p, c.now, "b=1")
	seal(t, p)
	compactNow(t, p, c.now)
	all, err := batchesBelow(p)
	mustDo(t, err)
	if len(all) != 3 || all[0].Count() != 1 {
		t.Errorf("%d batches, the first has %d records", len(all), all[0].Count())
	}
}

// TestCompactionStaysBelowTheLastStableOffset.
func TestCompactionStaysBelowTheLastStableOffset(t *testing.T) {
	_, p, c := compactable(t, vfs.NewMem())
	a := transacting(1)
	mustAppend(t, p, numbered(t, batch.Head{}, 0, 1))
	mustAppend(t, p, numbered(t, batch.Head{}, 5, 1))
	seal(t, p)
	mustAppend(t, p, numbered(t, batch.Head{}, 10, 1))
	mustAppend(t, p, a.next(t, 15, 1)) // at 3
	mustAppend(t, p, numbered(t, batch.Head{}, 20, 1))
	seal(t, p)
	compactNow(t, p, c.now)
	wantBatches(t, p, "1:5,", "2:10,", "3:15,", "4:20,")
	mustEnd(t, p, a, true) // at 5
	seal(t, p)
	compactNow(t, p, c.now)
	wantBatches(t, p, "3:empty", "4:20,", "5:commit")
}

// TestCompactionKeepsWhatFences: the last marker of a producer stays, if need be
// without its record, and so do the sequence numbers.
func TestCompactionKeepsWhatFences(t *testing.T) {
	disk := vfs.NewMem()
	l, p, c := compactable(t, disk, func(s *Settings) { s.DeleteRetention = 0 })
	a := transacting(1)
	late := a.next(t, 0, 1)
	mustAppend(t, p, slices.Clone(late))
	a.Epoch, a.Sequence = 1, 0
	mustEnd(t, p, a, false)
	for v := range 4 {
		mustAppend(t, p, numbered(t, batch.Head{}, v, 1))
		seal(t, p)
		c.now = c.now.Add(time.Second)
		compactNow(t, p, c.now)
	}
	wantBatches(t, p, "1:empty", "2:0,", "3:1,", "4:2,", "5:3,")
	l.close()
	mustDo(t, disk.Remove("data/checkpoint"))
	_, p = started(t, disk, compacted)
	if _, err := appendSync(p, late); err == nil {
		t.Error("a batch of the old epoch was taken")
	}
	mustAppend(t, p, a.next(t, 4, 1))
}

// TestASliceOfAReplacedSegmentIsPlannedAnew: compaction may have forgotten aborted
// transactions that have records in it.
func TestASliceOfAReplacedSegmentIsPlannedAnew(t *testing.T) {
	_, p, c := compactable(t, vfs.NewMem())
	a := transacting(1)
	mustAppend(t, p, a.next(t, 0, 1))
	mustEnd(t, p, a, false)
	mustAppend(t, p, numbered(t, batch.Head{}, 1, 1))
	seal(t, p)
	s, err := p.Read(0, 1<<20, true)
	mustDo(t, err)
	defer s.Close()
	if list, err := p.abortedIn(s, 0, 3); err != nil || len(list) != 1 {
		t.Errorf("before: %v, %v", list, err)
	}
	compactNow(t, p, c.now)
	if list, err := p.abortedIn(s, 0, 3); err != errReplaced {
		t.Errorf("after: %v, %v", list, err)
	}
}
