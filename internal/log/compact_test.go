package log

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/internal/vfs"
)

// write appends key=value records, one batch for each text, "key" alone being a
// tombstone; all of a text's records, separated by spaces, are in one batch.
func write(t *testing.T, p *Partition, now time.Time, texts ...string) {
	t.Helper()
	var c batch.Codecs
	for _, text := range texts {
		b := c.NewBuilder(batch.Head{})
		for _, field := range strings.Fields(text) {
			key, value, ok := strings.Cut(field, "=")
			r := batch.Record{Timestamp: now.UnixMilli(), Key: []byte(key)}
			if ok {
				r.Value = []byte(value)
			}
			mustDo(t, b.Append(r))
		}
		raw, err := b.Build()
		mustDo(t, err)
		mustAppend(t, p, slices.Clone(raw))
	}
}

// keys reads the partition as "offset:key=value".
func keys(t *testing.T, p *Partition) []string {
	t.Helper()
	var c batch.Codecs
	var out []string
	for next := p.LogStart(); next < p.HighWatermark(); {
		raw, err := readFrom(p, next, 1<<20)
		mustDo(t, err)
		for len(raw) > 0 {
			b, rest, err := batch.Next(raw)
			mustDo(t, err)
			mustDo(t, b.Check())
			for r, err := range c.Records(b) {
				mustDo(t, err)
				text := fmt.Sprintf("%d:%s", r.Offset, r.Key)
				if r.Value != nil {
					text += "=" + string(r.Value)
				}
				out = append(out, text)
			}
			next, raw = b.NextOffset(), rest
		}
	}
	return out
}

func wantKeys(t *testing.T, p *Partition, want ...string) {
	t.Helper()
	if got := keys(t, p); !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// seal rolls the active segment, so that compaction gets at it.
func seal(t *testing.T, p *Partition) {
	t.Helper()
	p.mu.Lock()
	p.roll()
	p.mu.Unlock()
	mustDo(t, p.flush())
}

func compactNow(t *testing.T, p *Partition, now time.Time) {
	t.Helper()
	mustDo(t, p.compact(t.Context(), now))
}

// compactable is a log with one compacted partition and a clock.
func compactable(t *testing.T, disk vfs.FS, change ...func(*Settings)) (*testLog, *Partition, *clock) {
	t.Helper()
	c := newClock()
	l := openLog(t, disk, c.config)
	p := l.partition("a", 0, append([]func(*Settings){compacted}, change...)...)
	l.start()
	return l, p, c
}

// TestCompactionKeepsTheLastValueOfEveryKey at its offset, also after a restart.
func TestCompactionKeepsTheLastValueOfEveryKey(t *testing.T) {
	disk := vfs.NewMem()
	l, p, c := compactable(t, disk)
	write(t, p, c.now, "a=1 b=1 c=1", "a=2", "d=1 a=3")
	seal(t, p)
	write(t, p, c.now, "b=2", "e=1")
	seal(t, p)
	write(t, p, c.now, "a=4")
	want := []string{"2:c=1", "4:d=1", "5:a=3", "6:b=2", "7:e=1", "8:a=4"} // the active segment counts for nothing
	compactNow(t, p, c.now)
	wantKeys(t, p, want...)
	mustDo(t, p.flush())
	if n := len(segmentFiles(t, disk, ".log")); n != 2 {
		t.Errorf("%d .log files; small segments should have become one", n)
	}
	l.close()
	l = openLog(t, disk)
	p = l.partition("a", 0, compacted)
	l.start()
	wantKeys(t, p, want...)
	for i, offset := range []int64{0, 3, 5, 6, 7} {
		raw, err := readFrom(p, offset, 1)
		if err != nil || offsetAfter(raw) <= offset {
			t.Errorf("read %d at %d: %v", i, offset, err)
		}
	}
	seal(t, p)
	compactNow(t, p, c.now)
	wantKeys(t, p, "2:c=1", "4:d=1", "6:b=2", "7:e=1", "8:a=4")
	if a := mustAppend(t, p, makeBatch(t, 0, 1, 20, nil)); a.BaseOffset != 9 {
		t.Errorf("the next record got offset %d", a.BaseOffset)
	}
}

// TestTombstonesStayForAWhile: readers must see them. The time counts from the
// compaction that first kept them (KIP-534).
func TestTombstonesStayForAWhile(t *testing.T) {
	for _, restart := range []bool{false, true} {
		disk := vfs.NewMem()
		l, p, c := compactable(t, disk, func(s *Settings) { s.DeleteRetention = time.Hour })
		again := func() {
			seal(t, p)
			compactNow(t, p, c.now)
			if restart {
				l.close()
				l = openLog(t, disk, c.config)
				p = l.partition("a", 0, compacted, func(s *Settings) { s.DeleteRetention = time.Hour })
				l.start()
			}
		}
		write(t, p, c.now, "a=1", "b=1", "a", "c=1")
		c.now = c.now.Add(10 * time.Hour) // the record's own age does not matter
		again()
		wantKeys(t, p, "1:b=1", "2:a", "3:c=1")
		c.now = c.now.Add(time.Hour)
		write(t, p, c.now, "x=1")
		again()
		wantKeys(t, p, "1:b=1", "2:a", "3:c=1", "4:x=1")
		c.now = c.now.Add(time.Millisecond)
		write(t, p, c.now, "y=1")
		again()
		wantKeys(t, p, "1:b=1", "3:c=1", "4:x=1", "5:y=1")
	}
}

// TestATombstoneIsReplacedLikeAnyValue.
func TestATombstoneIsReplacedLikeAnyValue(t *testing.T) {
	_, p, c := compactable(t, vfs.NewMem())
	write(t, p, c.now, "a=1", "a", "a=2", "b", "b=1")
	seal(t, p)
	compactNow(t, p, c.now)
	wantKeys(t, p, "2:a=2", "4:b=1")
}

// TestCompactionWaitsForTheLag: what is younger is neither removed nor removes.
func TestCompactionWaitsForTheLag(t *testing.T) {
	_, p, c := compactable(t, vfs.NewMem(), func(s *Settings) { s.MinCompactionLag = time.Hour })
	write(t, p, c.now, "a=1", "a=2")
	seal(t, p)
	write(t, p, c.now.Add(30*time.Minute), "a=3", "a=4")
	seal(t, p)
	compactNow(t, p, c.now.Add(59*time.Minute))
	wantKeys(t, p, "0:a=1", "1:a=2", "2:a=3", "3:a=4")
	compactNow(t, p, c.now.Add(61*time.Minute))
	wantKeys(t, p, "1:a=2", "2:a=3", "3:a=4")
	compactNow(t, p, c.now.Add(91*time.Minute))
	wantKeys(t, p, "3:a=4")
}

// TestCompactionWaitsUntilEnoughIsDirty, but not for longer than
// max.compaction.lag.ms.
func TestCompactionWaitsUntilEnoughIsDirty(t *testing.T) {
	_, p, c := compactable(t, vfs.NewMem(), func(s *Settings) { s.MinCleanableRatio, s.MaxCompactionLag = 0.5, time.Hour })
	write(t, p, c.now, "a=1", "b=1", "c=1", "d=1", "e=1")
	seal(t, p)
	compactNow(t, p, c.now)
	write(t, p, c.now, "a=2")
	seal(t, p)
	compactNow(t, p, c.now)
	wantKeys(t, p, "0:a=1", "1:b=1", "2:c=1", "3:d=1", "4:e=1", "5:a=2")
	compactNow(t, p, c.now.Add(time.Hour+time.Second))
	wantKeys(t, p, "1:b=1", "2:c=1", "3:d=1", "4:e=1", "5:a=2")
}

// TestOffsetsStayCoveredByBatches: a compacted segment reaches up to the next, so
// that a reader gets from one to the other, whatever is left.
func TestOffsetsStayCoveredByBatches(t *testing.T) {
	disk := vfs.NewMem()
	l, p, c := compactable(t, disk, func(s *Settings) { s.DeleteRetention = 0 })
	write(t, p, c.now, "a=1", "a", "b=1", "b")
	seal(t, p)
	write(t, p, c.now, "c=1", "c=2", "c")
	seal(t, p)
	compactNow(t, p, c.now)
	write(t, p, c.now, "x=1")
	seal(t, p)
	c.now = c.now.Add(time.Hour)
	compactNow(t, p, c.now) // the tombstones go
	wantKeys(t, p, "7:x=1")
	check := func(p *Partition) {
		t.Helper()
		for offset := range p.HighWatermark() {
			if raw, err := readFrom(p, offset, 1); err != nil || offsetAfter(raw) <= offset {
				t.Errorf("read at %d: up to %d, %v", offset, offsetAfter(raw), err)
			}
		}
	}
	check(p)
	after := disk.Crash(vfs.KeepNone)
	_ = l.Close()
	mustDo(t, after.Remove("data/checkpoint")) // all segments are scanned
	_, p = started(t, after, compacted)
	mustDo(t, p.Err())
	check(p)
}

// TestCompactionMayFailAtAnyOperation: the records are right before and after, and
// after a power cut at once.
func TestCompactionMayFailAtAnyOperation(t *testing.T) {
	want := []string{"2:c=1", "4:d=1", "5:a=3", "6:b=2", "7:e=1", "8:a=4"}
	for n, hit := 1, true; hit; n++ {
		for _, crash := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				disk := newFaults()
				l, p, c := compactable(t, disk, func(s *Settings) { s.IndexIntervalBytes = 50 })
				write(t, p, c.now, "a=1 b=1 c=1", "a=2", "d=1 a=3")
				seal(t, p)
				write(t, p, c.now, "b=2", "e=1")
				seal(t, p)
				write(t, p, c.now, "a=4")
				var ops atomic.Int32 // on the partition: the journal prepares files meanwhile
				hit = false
				disk.set(func(op vfs.Op) error {
					if op.Kind.Mutates() && strings.Contains(op.Name, "topics") && ops.Add(1) == int32(n) {
						hit = true
						return errDisk
					}
					return nil
				})
				if err := p.compact(t.Context(), c.now); err != nil && !errors.Is(err, errDisk) {
					t.Errorf("operation %d failed: %v", n, err)
				}
				latest(t, p, want)
				if crash {
					after := disk.mem.Crash(vfs.KeepNone)
					_ = l.Close()
					_, p, c = compactable(t, after)
				} else {
					disk.heal()
					waitRepaired(t, p)
				}
				latest(t, p, want)
				write(t, p, c.now, "z=1")
				seal(t, p)
				compactNow(t, p, c.now)
				latest(t, p, append(slices.Clone(want[:2]), "6:b=2", "7:e=1", "8:a=4", "9:z=1"))
			})
		}
	}
}

// TestAPowerCutDuringCompaction leaves the records from before or after it, never
// both, and indexes that fit them, whatever had not been synced.
func TestAPowerCutDuringCompaction(t *testing.T) {
	want := []string{"2:c=1", "4:d=1", "5:a=3", "6:b=2", "7:e=1", "8:a=4"}
	for n, hit := 1, true; hit; n++ {
		for seed := range uint64(8) {
			disk := newFaults()
			l, p, c := compactable(t, disk, func(s *Settings) { s.IndexIntervalBytes = 50 })
			for i, text := range []string{"a=1 b=1 c=1", "a=2", "d=1 a=3", "", "b=2", "e=1", "", "a=4"} {
				if text == "" {
					seal(t, p)
				} else {
					write(t, p, c.now.Add(time.Duration(i)*time.Second), text)
				}
			}
			mustDo(t, p.flush())
			first := disk.Mutations()
			var reached atomic.Bool // also by the journal's goroutines
			disk.set(func(op vfs.Op) error {
				if op.N < first+n {
					return nil
				}
				if op.Kind.Mutates() {
					reached.Store(true)
				}
				return vfs.ErrCrashed
			})
			_ = p.compact(t.Context(), c.now)
			hit = reached.Load()
			after := disk.mem.Crash(vfs.KeepRandom(seed))
			_ = l.Close()
			_, p, _ = compactable(t, after)
			mustDo(t, p.Err())
			latest(t, p, want)
			for offset := range p.HighWatermark() {
				if raw, err := readFrom(p, offset, 1); err != nil || offsetAfter(raw) <= offset {
					t.Errorf("read at %d: up to %d, %v", offset, offsetAfter(raw), err)
				}
			}
			offset, _, ok, err := p.OffsetForTime(c.now.Add(4 * time.Second).UnixMilli())
			if offset != 6 || !ok || err != nil {
				t.Errorf("operation %d, seed %d: the first record of the second segment is at %d, %v, %v", n, seed, offset, ok, err)
			}
		}
	}
}

// latest checks that the last record of every key is among what is wanted.
func latest(t *testing.T, p *Partition, want []string) {
	t.Helper()
	last := func(list []string) map[string]string {
		m := make(map[string]string)
		for _, text := range list {
			_, record, _ := strings.Cut(text, ":")
			key, _, _ := strings.Cut(record, "=")
			m[key] = text
		}
		return m
	}
	if got, want := last(keys(t, p)), last(want); !maps.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// TestCompactionRefusesRecordsWithoutKey, as Kafka does when they are produced.
func TestCompactionRefusesRecordsWithoutKey(t *testing.T) {
	_, p, _ := compactable(t, vfs.NewMem())
	var c batch.Codecs
	b := c.NewBuilder(batch.Head{})
	mustDo(t, b.Append(batch.Record{Value: []byte("x")}))
	raw, err := b.Build()
	mustDo(t, err)
	if _, err := appendSync(p, slices.Clone(raw)); !errors.Is(err, ErrInvalidRecord) {
		t.Errorf("append: %v", err)
	}
}

// TestDamageStopsCompactionNotThePartition.
func TestDamageStopsCompactionNotThePartition(t *testing.T) {
	disk := vfs.NewMem()
	l, p, c := compactable(t, disk)
	write(t, p, c.now, "a=1", "a=2")
	seal(t, p)
	l.close()
	mustDo(t, disk.FlipBit(at(segmentFiles(t, disk, ".log"), 0), 65))
	_, p, c = compactable(t, disk)
	if err := p.compact(t.Context(), c.now); !errors.Is(err, ErrCorruption) {
		t.Errorf("compaction of a damaged segment: %v", err)
	}
	mustDo(t, p.Err())
	write(t, p, c.now, "b=1")
}
