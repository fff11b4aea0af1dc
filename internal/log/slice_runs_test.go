package log

import (
	"bytes"
	"errors"
	"testing"

	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/internal/vfs"
)

// TestRunsOfASliceAreItsWholeBatches from memory and from files, where batches end
// in the middle of a chunk, and where a slice ends in the middle of a batch.
func TestRunsOfASliceAreItsWholeBatches(t *testing.T) {
	disk := vfs.NewMem()
	l, p := started(t, disk, smallSegments)
	list, bases := writeBatches(t, p)
	check := func(p *Partition) {
		t.Helper()
		var scratch []byte
		for _, first := range list {
			for offset := first.base; offset <= first.last; offset++ {
				for _, maxBytes := range []int{0, 100, 500, 1 << 20} {
					checkRuns(t, p, &scratch, offset, maxBytes, wantRead(list, bases, offset, maxBytes, true))
				}
			}
		}
	}
	check(p)
	mustDo(t, l.Close())
	_, p = started(t, disk, smallSegments)
	check(p)
}

func checkRuns(t *testing.T, p *Partition, scratch *[]byte, offset int64, maxBytes int, want []byte) {
	t.Helper()
	want, next := whole(want)
	s, err := p.Read(offset, maxBytes, true)
	mustDo(t, err)
	defer s.Close()
	var got []byte
	var after int64
	mustDo(t, s.Runs(scratch, func(run []byte, next int64) bool {
		got, after = append(got, run...), next
		return true
	}))
	if !bytes.Equal(got, want) || after != next {
		t.Fatalf("from %d, %d bytes: got %d bytes up to %d, want %d up to %d", offset, maxBytes, len(got), after, len(want), next)
	}
}

// TestRunsPutTogetherWhatIsInTwoChunks though batches are as large as a chunk, or
// larger.
func TestRunsPutTogetherWhatIsInTwoChunks(t *testing.T) {
	_, p := started(t, vfs.NewMem(), func(s *Settings) { s.MaxMessageBytes = 8 << 20 })
	var want []byte
	for i, size := range []int{100, 700 << 10, 700 << 10, 3 << 20, 5, maxChunk, 40, 40, 900 << 10} {
		raw := makeBatch(t, i, 1, size, nil)
		mustAppend(t, p, raw)
		want = append(want, raw...)
	}
	var scratch []byte
	checkRuns(t, p, &scratch, 0, 64<<20, want)
	for range p.mu.segments[0].tail.chunks[1:] {
		p.mu.segments[0].tail.chunks = p.mu.segments[0].tail.chunks[1:] // what comes before is in the file only
		checkRuns(t, p, &scratch, 0, 64<<20, want)
	}
}

// TestRunsEndWhenTheyAreToldTo and the next read goes on there.
func TestRunsEndWhenTheyAreToldTo(t *testing.T) {
	disk := vfs.NewMem()
	l, p := started(t, disk)
	for i := range 3 {
		mustAppend(t, p, makeBatch(t, i, 2, 300<<10, nil)) // more than is shown at once
	}
	mustDo(t, l.Close())
	_, p = started(t, disk)
	var scratch []byte
	for offset := int64(0); offset < 6; {
		s, err := p.Read(offset, 64<<20, true)
		mustDo(t, err)
		calls := 0
		mustDo(t, s.Runs(&scratch, func(run []byte, next int64) bool {
			if base := batch.Batch(run).BaseOffset(); base != offset {
				t.Errorf("the run begins at %d, want %d", base, offset)
			}
			calls++
			offset = next
			return false
		}))
		s.Close()
		if calls != 1 {
			t.Fatalf("take was called %d times", calls)
		}
	}
}

// TestARunThatIsShownStaysAsItIs while appends go on and the cache is emptied.
func TestARunThatIsShownStaysAsItIs(t *testing.T) {
	l, p := started(t, vfs.NewMem())
	first := makeBatch(t, 1, 1, 2000, nil)
	mustAppend(t, p, first)
	s, err := p.Read(0, 1<<20, true)
	mustDo(t, err)
	defer s.Close()
	var scratch []byte
	mustDo(t, s.Runs(&scratch, func(run []byte, _ int64) bool {
		for i := range 50 {
			mustAppend(t, p, makeBatch(t, 2+i, 1, 5000, nil))
		}
		l.cache.trim(0)
		fill(t, p, 100, 150, 5000)
		if !bytes.Equal(run, first) {
			t.Error("it changed")
		}
		return true
	}))
}

// TestDamagedLengthsAreToldOfByRuns with the file and the place.
func TestDamagedLengthsAreToldOfByRuns(t *testing.T) {
	disk := vfs.NewMem()
	l, p := started(t, disk)
	mustAppend(t, p, makeBatch(t, 1, 1, 9000, nil))
	mustAppend(t, p, makeBatch(t, 2, 1, 9000, nil))
	mustDo(t, l.Close())
	_, p = started(t, disk)
	s, err := p.Read(0, 1<<20, true)
	mustDo(t, err)
	defer s.Close()
	s.start += 8
	var scratch []byte
	err = s.Runs(&scratch, func([]byte, int64) bool { return true })
	if !errors.Is(err, ErrCorruption) || !errors.Is(err, ErrStorage) {
		t.Error(err)
	}
}
