package log

import (
	"errors"
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evidentlog/evident/internal/vfs"
)

// timePatterns are timestamps of records in the order of their offsets.
var timePatterns = map[string]func(i int) int64{
	"increasing":  func(i int) int64 { return int64(1000 + 10*i) },
	"equal":       func(int) int64 { return 1000 },
	"steps":       func(i int) int64 { return int64(1000 + 100*(i/20)) },
	"decreasing":  func(i int) int64 { return int64(5000 - 10*i) },
	"up and down": func(i int) int64 { return int64(1000 + (i*37)%101) },
	"one peak":    func(i int) int64 { return map[bool]int64{true: 9000, false: int64(1000 + i)}[i == 77] },
}

// TestLookupsByTimeFindTheFirstRecord with that timestamp or a later one, whatever
// the order of timestamps, also from index files after a restart or a crash.
func TestLookupsByTimeFindTheFirstRecord(t *testing.T) {
	for name, pattern := range timePatterns {
		t.Run(name, func(t *testing.T) {
			disk := vfs.NewMem()
			l, p := started(t, disk, smallSegments)
			var times []int64
			for i := 0; i < 150; i += 3 {
				batch := []int64{pattern(i), pattern(i + 1), pattern(i + 2)}
				mustAppend(t, p, stampedBatch(t, i, 30, batch...))
				times = append(times, batch...)
			}
			checkTimes(t, p, times)
			l.close()
			l, p = started(t, disk, smallSegments)
			checkTimes(t, p, times)
			after := disk.Crash(vfs.KeepNone)
			_ = l.Close()
			_, p = started(t, after, smallSegments)
			checkTimes(t, p, times)
		})
	}
}

// checkTimes compares lookups with a search through all timestamps.
func checkTimes(t *testing.T, p *Partition, times []int64) {
	t.Helper()
	largest := 0
	asked := map[int64]bool{0: true, math.MaxInt64: true}
	for i, at := range times {
		if at > times[largest] {
			largest = i
		}
		asked[at-1], asked[at], asked[at+1] = true, true, true
	}
	for at := range asked {
		want := -1
		for i := len(times) - 1; i >= 0; i-- {
			if times[i] >= at {
				want = i
			}
		}
		offset, timestamp, ok, err := p.OffsetForTime(at)
		if err != nil || ok != (want >= 0) || ok && (offset != int64(want) || timestamp != times[want]) {
			t.Fatalf("OffsetForTime(%d) = %d, %d, %v, %v; want offset %d", at, offset, timestamp, ok, err, want)
		}
	}
	offset, timestamp, ok, err := p.MaxTimestamp()
	if err != nil || ok != (len(times) > 0) || ok && (offset != int64(largest) || timestamp != times[largest]) {
		t.Fatalf("MaxTimestamp = %d, %d, %v, %v; want offset %d", offset, timestamp, ok, err, largest)
	}
}

func TestLookupsByTimeInAnEmptyPartition(t *testing.T) {
	_, p := started(t, vfs.NewMem())
	checkTimes(t, p, nil)
}

// TestLookupsByTimeSeeOnlyWhatIsDurable.
func TestLookupsByTimeSeeOnlyWhatIsDurable(t *testing.T) {
	for _, size := range []int{50, largeBytes} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				disk := newFaults()
				_, p := started(t, disk)
				mustAppend(t, p, stampedBatch(t, 0, 50, 1000, 3000, 2000))
				release := disk.holdSyncs()
				done := make(chan error, 1)
				_, err := p.Append(stampedBatch(t, 3, size, 9000), AckDurable, func(err error) { done <- err })
				mustDo(t, err)
				synctest.Wait()
				checkTimes(t, p, []int64{1000, 3000, 2000})
				release()
				mustDo(t, <-done)
				checkTimes(t, p, []int64{1000, 3000, 2000, 9000})
			})
		})
	}
}

func TestLogAppendTimeIsTheLogsClock(t *testing.T) {
	now := time.UnixMilli(1_700_000_000_000)
	l := openLog(t, vfs.NewMem(), func(c *Config) { c.Now = func() time.Time { return now } })
	p := l.partition("a", 0, func(s *Settings) { s.LogAppendTime = true })
	l.start()
	var times []int64
	for v := range 5 {
		a := mustAppend(t, p, stampedBatch(t, 2*v, 50, 5, 7))
		if a.AppendTime != now.UnixMilli() {
			t.Errorf("stamped %d, the clock says %d", a.AppendTime, now.UnixMilli())
		}
		times = append(times, now.UnixMilli(), now.UnixMilli())
		now = now.Add(time.Second)
	}
	checkTimes(t, p, times)
}

func TestLookupsByTimeBeginAtTheLogStart(t *testing.T) {
	l, p := started(t, vfs.NewMem(), smallSegments, func(s *Settings) { s.RetentionBytes = 1500 })
	for v := range 30 {
		mustAppend(t, p, stampedBatch(t, v, 100, int64(1000+v)))
	}
	mustDo(t, l.applyRetention([]*Partition{p}, time.UnixMilli(2000)))
	offset, _, ok, err := p.OffsetForTime(0)
	if offset != p.LogStart() || offset == 0 || !ok || err != nil {
		t.Errorf("the first record is at %d, %v, %v; the log starts at %d", offset, ok, err, p.LogStart())
	}
}

// TestTimestampsOutOfRangeAreRefused.
func TestTimestampsOutOfRangeAreRefused(t *testing.T) {
	now := time.UnixMilli(1_700_000_000_000)
	l := openLog(t, vfs.NewMem(), func(c *Config) { c.Now = func() time.Time { return now } })
	p := l.partition("a", 0, func(s *Settings) { s.TimestampBefore, s.TimestampAfter = time.Hour, time.Minute })
	l.start()
	for _, c := range []struct {
		off time.Duration
		ok  bool
	}{{0, true}, {-time.Hour, true}, {-time.Hour - time.Millisecond, false}, {time.Minute, true}, {time.Minute + time.Millisecond, false}} {
		_, err := appendSync(p, stampedBatch(t, 0, 50, now.Add(c.off).UnixMilli()))
		if c.ok && err != nil || !c.ok && !errors.Is(err, ErrInvalidTimestamp) {
			t.Errorf("%v from now: %v", c.off, err)
		}
	}
}
