package log

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/internal/vfs"
)

// written is a batch that a test appended.
type written struct {
	base, last int64
	raw        []byte
}

// writeBatches appends batches of different sizes and record counts, over several
// segments, and returns them with the segments that they begin.
func writeBatches(t *testing.T, p *Partition) (list []written, bases map[int64]bool) {
	t.Helper()
	bases = map[int64]bool{0: true}
	v := 0
	for i := range 40 {
		n := 1 + i%4
		raw := makeBatch(t, v, n, 50+40*(i%5), nil)
		a := mustAppend(t, p, raw)
		list = append(list, written{a.BaseOffset, a.LastOffset, raw})
		v += n
	}
	for _, s := range p.readableSegments() {
		bases[s.base] = true
	}
	return list, bases
}

// wantRead is what a read from offset must give: the bytes from the batch that
// holds it to the end of its segment, cut at maxBytes.
func wantRead(list []written, bases map[int64]bool, offset int64, maxBytes int, minOne bool) []byte {
	var out []byte
	for _, b := range list {
		switch {
		case b.last < offset:
			continue
		case len(out) > 0 && bases[b.base]:
			return out[:min(len(out), maxBytes)]
		case len(out) == 0 && minOne:
			maxBytes = max(maxBytes, len(b.raw))
		}
		out = append(out, b.raw...)
	}
	return out[:min(len(out), maxBytes)]
}

// TestReadsAreWhatWasAppended from every offset, with every kind of limit, from
// memory, from files, and from files whose indexes have not been looked at.
func TestReadsAreWhatWasAppended(t *testing.T) {
	disk := vfs.NewMem()
	l, p := started(t, disk, smallSegments)
	list, bases := writeBatches(t, p)
	if len(bases) < 5 {
		t.Fatalf("only %d segments", len(bases))
	}
	check := func(p *Partition) {
		t.Helper()
		for offset := range p.HighWatermark() {
			for _, maxBytes := range []int{0, 1, 60, 200, 333, 1 << 20} {
				for _, minOne := range []bool{false, true} {
					s, err := p.Read(offset, maxBytes, minOne)
					mustDo(t, err)
					var got bytes.Buffer
					mustDo(t, s.WriteTo(&got, vfs.AlignedBuffer(64<<10)))
					direct, err := s.Bytes()
					mustDo(t, err)
					s.Close()
					want := wantRead(list, bases, offset, maxBytes, minOne)
					if !bytes.Equal(got.Bytes(), want) || !bytes.Equal(direct, want) || s.Size() != len(want) {
						t.Fatalf("Read(%d, %d, %v) gave %d bytes (Bytes: %d, Size: %d), want %d",
							offset, maxBytes, minOne, got.Len(), len(direct), s.Size(), len(want))
					}
				}
			}
		}
	}
	check(p)
	mustDo(t, p.flush())
	l.cache.trim(0)
	check(p)
	l.close()
	l, p = started(t, disk, smallSegments)
	check(p)
	_ = l.Close()
	_, p = started(t, disk.Crash(vfs.KeepNone), smallSegments)
	check(p)
}

func TestReadsOutsideThePartitionAreOutOfRange(t *testing.T) {
	l, p := started(t, vfs.NewMem(), smallSegments, func(s *Settings) { s.RetentionBytes = 1500 })
	fill(t, p, 0, 30, 100)
	mustDo(t, l.applyRetention([]*Partition{p}, time.Now()))
	if p.LogStart() == 0 {
		t.Fatal("retention has removed nothing")
	}
	for _, offset := range []int64{-1, 0, p.LogStart() - 1, p.HighWatermark() + 1, 1 << 40} {
		if _, err := p.Read(offset, 100, true); !errors.Is(err, ErrOffsetOutOfRange) {
			t.Errorf("Read(%d): %v", offset, err)
		}
	}
	s, err := p.Read(p.HighWatermark(), 100, true)
	if err != nil || s.Size() != 0 {
		t.Errorf("Read at the high watermark: %d bytes, %v", s.Size(), err)
	}
	mustDo(t, s.WriteTo(nil, nil))
	s.Close()
}

// TestNothingIsReadAboveTheHighWatermark: what is not synced is not seen.
func TestNothingIsReadAboveTheHighWatermark(t *testing.T) {
	for _, size := range []int{50, largeBytes} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				disk := newFaults()
				_, p := started(t, disk)
				fill(t, p, 0, 3, 50)
				release := disk.holdSyncs()
				done := make(chan error, 1)
				_, err := p.Append(makeBatch(t, 3, 1, size, nil), AckDurable, func(err error) { done <- err })
				mustDo(t, err)
				synctest.Wait()
				if p.HighWatermark() != 3 || p.LogEnd() != 4 || len(done) > 0 {
					t.Errorf("high watermark %d, log end %d, %d acknowledged", p.HighWatermark(), p.LogEnd(), len(done))
				}
				wantValues(t, values(t, p), 3)
				if raw, err := readFrom(p, 0, 1<<20); err != nil || offsetAfter(raw) != 3 {
					t.Errorf("a read ends at offset %d, %v", offsetAfter(raw), err)
				}
				release()
				mustDo(t, <-done)
				wantValues(t, values(t, p), 4)
			})
		})
	}
}

// offsetAfter is the offset after the last batch in raw.
func offsetAfter(raw []byte) int64 {
	next := int64(-1)
	for len(raw) > 0 {
		b, rest, err := batch.Next(raw)
		if err != nil {
			break
		}
		next, raw = b.NextOffset(), rest
	}
	return next
}

// TestASliceStaysReadable when its segment is removed, replaced or no longer in
// memory before it is written out.
func TestASliceStaysReadable(t *testing.T) {
	for name, c := range map[string]struct {
		do        func(t *testing.T, l *testLog, p *Partition)
		unflushed bool
	}{
		"retention": {do: func(t *testing.T, l *testLog, p *Partition) {
			s := p.Settings()
			s.RetentionBytes = 1
			p.SetSettings(s)
			mustDo(t, l.applyRetention([]*Partition{p}, time.Now()))
			if p.LogStart() == 0 {
				t.Error("retention has removed nothing")
			}
		}},
		"compaction": {do: func(t *testing.T, l *testLog, p *Partition) {
			s := p.Settings()
			s.Compact = true
			p.SetSettings(s)
			before := p.mu.segments[0]
			mustDo(t, p.compact(t.Context(), time.Now()))
			if p.mu.segments[0] == before {
				t.Error("compaction has replaced nothing")
			}
		}},
		"deletion": {do: func(t *testing.T, l *testLog, p *Partition) { mustDo(t, l.DeletePartition(p.ID())) }},
		"trimming of the tail cache": {do: func(t *testing.T, l *testLog, p *Partition) {
			mustDo(t, p.flush())
			l.cache.trim(0)
		}, unflushed: true},
	} {
		for _, cached := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/cached=%v", name, cached), func(t *testing.T) {
				l, p := started(t, vfs.NewMem(), smallSegments)
				fill(t, p, 0, 20, 100)
				if !cached {
					mustDo(t, p.flush())
					l.cache.trim(0)
				}
				want, err := readFrom(p, 0, 1<<20)
				mustDo(t, err)
				s, err := p.Read(0, 1<<20, true)
				mustDo(t, err)
				defer s.Close()
				c.do(t, l, p)
				var got bytes.Buffer
				mustDo(t, s.WriteTo(&got, vfs.AlignedBuffer(64<<10)))
				if !bytes.Equal(got.Bytes(), want) {
					t.Errorf("got %d bytes, want %d, or others", got.Len(), len(want))
				}
			})
		}
	}
}
