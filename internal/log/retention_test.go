package log

import (
	"errors"
	"testing"
	"time"

	"github.com/evidentlog/evident/internal/vfs"
)

// clock is a clock for tests.
type clock struct{ now time.Time }

func (c *clock) config(cfg *Config) { cfg.Now = func() time.Time { return c.now } }

func newClock() *clock { return &clock{time.Now().Truncate(time.Millisecond)} }

// aged is a log with one partition that got a record every minute.
func aged(t *testing.T, disk vfs.FS, records int, change ...func(*Settings)) (*testLog, *Partition, *clock) {
	t.Helper()
	c := newClock()
	l := openLog(t, disk, c.config)
	p := l.partition("a", 0, append([]func(*Settings){smallSegments}, change...)...)
	l.start()
	for v := range records {
		mustAppend(t, p, stampedBatch(t, v, 100, c.now.UnixMilli()))
		c.now = c.now.Add(time.Minute)
	}
	return l, p, c
}

func (l *testLog) retain(p *Partition, now time.Time) {
	l.t.Helper()
	if err := l.applyRetention([]*Partition{p}, now); err != nil {
		l.t.Fatal(err)
	}
}

// wantFrom checks that exactly the values from first to last are there.
func wantFrom(t *testing.T, p *Partition, first, last int) {
	t.Helper()
	got := values(t, p)
	if len(got) != last-first+1 || got[0] != first || got[len(got)-1] != last {
		t.Fatalf("values %v, want %d to %d", got, first, last)
	}
	if p.LogStart() != int64(first) {
		t.Errorf("log start %d, want %d", p.LogStart(), first)
	}
}

func TestRetentionByTimeRemovesWholeSegments(t *testing.T) {
	disk := vfs.NewMem()
	l, p, c := aged(t, disk, 30, func(s *Settings) { s.RetentionAge = 12 * time.Minute })
	l.retain(p, c.now)
	// Segments hold five records, of minutes 0 to 29. The one that ends with
	// minute 19 is the first to have something younger than minute 18.
	wantFrom(t, p, 15, 29)
	if n := len(segmentFiles(t, disk, ".log")); n != 3 {
		t.Errorf("%d .log files", n)
	}
	l.retain(p, c.now) // nothing more
	wantFrom(t, p, 15, 29)
	l.close()
	_, p = started(t, disk, smallSegments)
	wantFrom(t, p, 15, 29)
}

func TestRetentionCountsTheLargestTimestamp(t *testing.T) {
	l, p, c := aged(t, vfs.NewMem(), 3, func(s *Settings) { s.RetentionAge = 12 * time.Minute })
	mustAppend(t, p, stampedBatch(t, 3, 100, c.now.Add(50*time.Minute).UnixMilli()))
	fill(t, p, 4, 10, 100)
	l.retain(p, c.now.Add(time.Hour))
	wantFrom(t, p, 0, 9)
	l.retain(p, c.now.Add(63*time.Minute))
	if p.LogStart() != 10 {
		t.Errorf("log start %d, want 10", p.LogStart())
	}
}

func TestRetentionSealsAnActiveSegmentThatIsTooOld(t *testing.T) {
	disk := vfs.NewMem()
	l, p, c := aged(t, disk, 8, func(s *Settings) { s.RetentionAge = time.Hour })
	l.retain(p, c.now.Add(2*time.Hour))
	if p.LogStart() != 8 || p.HighWatermark() != 8 {
		t.Errorf("log start %d, high watermark %d, want 8 and 8", p.LogStart(), p.HighWatermark())
	}
	if n := len(segmentFiles(t, disk, ".log")); n != 1 {
		t.Errorf("%d .log files, want that of the active segment", n)
	}
	for _, crash := range []bool{false, true} {
		if crash {
			disk = disk.Crash(vfs.KeepNone)
			_ = l.Close()
		} else {
			l.close()
		}
		l, p = started(t, disk, smallSegments)
		mustDo(t, p.Err())
		if p.LogStart() != 8 || p.LogEnd() != 8 {
			t.Errorf("log start %d, log end %d after a restart, want 8 and 8", p.LogStart(), p.LogEnd())
		}
	}
	if a := mustAppend(t, p, makeBatch(t, 8, 1, 100, nil)); a.BaseOffset != 8 {
		t.Errorf("the next record got offset %d", a.BaseOffset)
	}
}

func TestSegmentsRollByAge(t *testing.T) {
	l, p, c := aged(t, vfs.NewMem(), 1, func(s *Settings) { s.SegmentAge, s.RetentionAge = 10*time.Minute, -1 })
	c.now = c.now.Add(8 * time.Minute)
	fill(t, p, 1, 2, 100)
	if n := len(p.mu.segments); n != 1 {
		t.Errorf("%d segments after 9 minutes", n)
	}
	c.now = c.now.Add(time.Minute)
	fill(t, p, 2, 3, 100)
	if n := len(p.mu.segments); n != 2 {
		t.Errorf("%d segments after 10 minutes", n)
	}
	// Also without an append, so that compaction and retention get at it.
	l.retain(p, c.now.Add(time.Hour))
	if n := len(p.mu.segments); n != 3 {
		t.Errorf("%d segments an hour later", n)
	}
	wantFrom(t, p, 0, 2)
}

func TestRetentionBySizeKeepsAtLeastThatMuch(t *testing.T) {
	l, p, c := aged(t, vfs.NewMem(), 30, func(s *Settings) { s.RetentionAge, s.RetentionBytes = -1, 2500 })
	before := p.Size()
	l.retain(p, c.now)
	segment := before / 6
	if size := p.Size(); size < 2500 || size-segment >= 2500 {
		t.Errorf("%d bytes of %d are left, in segments of %d", size, before, segment)
	}
	wantFrom(t, p, int(p.LogStart()), 29)
}

func TestRetentionOffKeepsEverything(t *testing.T) {
	for name, change := range map[string]func(*Settings){
		"no limits": func(s *Settings) { s.RetentionAge, s.RetentionBytes = -1, -1 },
		"compact":   func(s *Settings) { s.RetentionAge, s.RetentionBytes, s.Delete, s.Compact = 1, 1, false, true },
	} {
		t.Run(name, func(t *testing.T) {
			l, p, c := aged(t, vfs.NewMem(), 30, change)
			l.retain(p, c.now.Add(1000*time.Hour))
			wantFrom(t, p, 0, 29)
		})
	}
}

// TestRetentionKeepsWhatTheProducerNeeds: sequence numbers go on although all of
// a producer's batches are gone, also after a crash.
func TestRetentionKeepsWhatTheProducerNeeds(t *testing.T) {
	disk := vfs.NewMem()
	l, p := started(t, disk, smallSegments, func(s *Settings) { s.RetentionBytes = 0 })
	produce := producing(7, 0)
	for v := range 7 {
		mustAppend(t, p, produce.next(t, 3*v, 3))
	}
	last := produce.last()
	fill(t, p, 21, 30, 100)
	l.retain(p, time.Now())
	if p.LogStart() < 21 {
		t.Fatalf("log start %d", p.LogStart())
	}
	after := disk.Crash(vfs.KeepNone)
	_ = l.Close()
	_, p = started(t, after, smallSegments)
	if a := mustAppend(t, p, last); !a.Duplicate || a.BaseOffset != 18 {
		t.Errorf("the last batch once more: %+v", a)
	}
	mustAppend(t, p, produce.next(t, 21, 3))
}

// TestAFailedRemovalIsTriedAgain: the records are out of range at once, and a
// crash does not bring them back.
func TestAFailedRemovalIsTriedAgain(t *testing.T) {
	for _, kind := range []vfs.OpKind{vfs.OpRemove, vfs.OpSyncDir, vfs.OpRename} {
		t.Run(kind.String(), func(t *testing.T) {
			disk := newFaults()
			l, p, c := aged(t, disk, 30, func(s *Settings) { s.RetentionAge = 12 * time.Minute })
			mustDo(t, p.flush())
			disk.fail(kind, "", errDisk)
			err := l.applyRetention([]*Partition{p}, c.now)
			disk.heal()
			if kind == vfs.OpRemove {
				mustDo(t, err) // what cannot be removed costs space only
				l.logs.want(t, "cannot remove the segments")
			} else if !errors.Is(err, errDisk) {
				t.Errorf("retention: %v", err)
			}
			l.retain(p, c.now)
			wantFrom(t, p, 15, 29)
			after := disk.mem.Crash(vfs.KeepNone)
			_ = l.Close()
			_, p = started(t, after, smallSegments)
			wantFrom(t, p, 15, 29)
			if n := len(segmentFiles(t, after, ".log")); n != 3 {
				t.Errorf("%d .log files after a restart", n)
			}
		})
	}
}

// TestRecordsWithoutTimestampsAreAsOldAsTheirFile.
func TestRecordsWithoutTimestampsAreAsOldAsTheirFile(t *testing.T) {
	l, p := started(t, vfs.NewMem(), smallSegments, func(s *Settings) { s.RetentionAge = time.Hour })
	for v := range 20 {
		mustAppend(t, p, stampedBatch(t, v, 100, -1))
	}
	l.retain(p, time.Now())
	wantFrom(t, p, 0, 19)
	l.retain(p, time.Now().Add(2*time.Hour))
	if p.LogStart() != 15 {
		t.Errorf("log start %d, want 15", p.LogStart())
	}
}
