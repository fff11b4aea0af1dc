package log

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/internal/vfs/vfstest"
)

// person is the value of a record that can be found wherever it is.
func person(v int64) string { return fmt.Sprintf("person-%08d-lives-here", v) }

// people is a batch of n records about the persons v, v+1, ...
func people(t testing.TB, h batch.Head, v int64, n, size int) []byte {
	t.Helper()
	var c batch.Codecs
	b := c.NewBuilder(h)
	for i := range int64(n) {
		value := append([]byte(person(v+i)), bytes.Repeat([]byte{'.'}, size)...)
		if err := b.Append(batch.Record{Timestamp: testTime, Key: []byte("key-" + person(v+i)), Value: value}); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Clone(raw)
}

// settle appends records, about the person that has the offset's number, and
// returns how many there are now.
func settle(t testing.TB, p *Partition, n, size int) int64 {
	t.Helper()
	return mustAppend(t, p, people(t, batch.Head{}, p.LogEnd(), n, size)).LastOffset + 1
}

// known returns the persons that can be read, by offset.
func known(t testing.TB, p *Partition) map[int64]string {
	t.Helper()
	list, err := batchesBelow(p)
	if err != nil {
		t.Fatal(err)
	}
	out, next := map[int64]string{}, p.LogStart()
	for _, b := range list {
		gap := b.BaseOffset() > next && !p.Settings().Compact // which removes empty batches
		if err := b.Check(); err != nil || gap || b.BaseOffset() < next {
			t.Fatalf("a batch at %d where one at %d was expected: %v", b.BaseOffset(), next, err)
		}
		next = b.NextOffset()
		for r, err := range p.log.codecs.Records(b) {
			if err != nil {
				t.Fatal(err)
			}
			if !b.Attributes().Control() {
				out[r.Offset] = string(bytes.TrimRight(r.Value, "."))
			}
		}
	}
	return out
}

func wantPeople(t testing.TB, p *Partition, end int64, gone func(int64) bool) {
	t.Helper()
	want := map[int64]string{}
	for o := p.LogStart(); o < end; o++ {
		if !gone(o) {
			want[o] = person(o)
		}
	}
	if got := known(t, p); !maps.Equal(got, want) {
		t.Fatalf("there are %v, want %v", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
}

// wantNowhere checks that no byte of a person's record is on the disk.
func wantNowhere(t testing.TB, disk *vfstest.Remains, persons ...int64) {
	t.Helper()
	for _, v := range persons {
		if where, err := disk.Find("data", []byte(person(v))); err != nil || where != "" {
			t.Errorf("%s is in %s (%v)", person(v), where, err)
		}
	}
}

func within(ranges ...Range) func(int64) bool {
	return func(o int64) bool {
		return slices.ContainsFunc(ranges, func(r Range) bool { return r.First <= o && o <= r.Last })
	}
}

func TestNothingOfAnErasedRecordIsLeft(t *testing.T) {
	disk := &vfstest.Remains{FS: vfs.NewMem()}
	l, p := started(t, disk, func(s *Settings) { s.SegmentBytes = 20_000 })
	for range 150 { // over several files of the journal
		settle(t, p, 1, 300)
	}
	settle(t, p, 5, largeBytes/4) // straight to a segment
	end := settle(t, p, 3, 10)
	ranges := []Range{{3, 3}, {40, 44}, {151, 151}, {end - 2, end - 2}}
	mustDo(t, p.Erase(t.Context(), ranges))
	gone := []int64{3, 40, 44, 151, end - 2}
	wantNowhere(t, disk, gone...)
	wantPeople(t, p, end, within(ranges...))
	end = settle(t, p, 2, 10)
	mustDo(t, p.Erase(t.Context(), ranges)) // once more is no harm
	mustDo(t, p.Erase(t.Context(), []Range{{end - 1, end - 1}}))
	l.close()
	wantNowhere(t, disk, append(gone, end-1)...)

	_, p = started(t, disk)
	wantPeople(t, p, end, within(append(ranges, Range{end - 1, end - 1})...))
}

func TestWhatIsStillNeededIsNotErased(t *testing.T) {
	_, p, _, hold := held(t)
	settle(t, p, 10, 10)
	hold.Store(7)
	if err := p.Erase(t.Context(), []Range{{3, 7}}); !errors.Is(err, ErrHeld) {
		t.Errorf("of a record that is held: %v", err)
	}
	hold.Store(100)
	if err := p.Erase(t.Context(), []Range{{3, 10}}); !errors.Is(err, ErrOffsetOutOfRange) {
		t.Errorf("beyond the end: %v", err)
	}
	a := transacting(5)
	mustAppend(t, p, a.next(t, 10, 1))
	if err := p.Erase(t.Context(), []Range{{10, 10}}); !errors.Is(err, ErrHeld) {
		t.Errorf("of a transaction that is open: %v", err)
	}
	if got := known(t, p); len(got) != 11 {
		t.Errorf("%d records are left of 11", len(got))
	}
	mustEnd(t, p, a, true)
	mustDo(t, p.Erase(t.Context(), []Range{{3, 3}, {10, 10}}))
	if got := known(t, p); len(got) != 9 {
		t.Errorf("%d records are left of 9", len(got))
	}
}

// Transactions keep their markers, aborted ones their index, and a producer goes
// on where it was, also if all that it wrote has been erased.
func TestErasureKeepsTransactionsAndProducers(t *testing.T) {
	mem := vfs.NewMem()
	l, p := started(t, mem)
	a, b := transacting(5), transacting(6)
	mustAppend(t, p, a.next(t, 0, 2)) // 0, 1
	mustAppend(t, p, b.next(t, 2, 2)) // 2, 3
	mustEnd(t, p, a, false)           // 4
	mustEnd(t, p, b, true)            // 5
	once := batch.Producer{ID: 7}
	repeat := people(t, batch.Head{Producer: &once}, 6, 2, 10)
	mustAppend(t, p, bytes.Clone(repeat)) // 6, 7
	before, err := batchesBelow(p)
	mustDo(t, err)
	mustDo(t, p.Erase(t.Context(), []Range{{0, 1}, {3, 7}}))
	for range 2 {
		after, err := batchesBelow(p)
		mustDo(t, err)
		if len(after) != len(before) {
			t.Fatalf("%d batches are left of %d", len(after), len(before))
		}
		for i, x := range after {
			y := before[i]
			if x.BaseOffset() != y.BaseOffset() || x.LastOffset() != y.LastOffset() || x.ProducerID() != y.ProducerID() ||
				x.ProducerEpoch() != y.ProducerEpoch() || x.BaseSequence() != y.BaseSequence() {
				t.Errorf("batch %d became %d-%d of producer %d", i, x.BaseOffset(), x.LastOffset(), x.ProducerID())
			}
			if x.Attributes().Control() && x.Count() != 1 {
				t.Errorf("the marker at %d is gone", x.BaseOffset())
			}
		}
		_, aborted, err := p.ReadCommitted(0, 1<<20, true)
		mustDo(t, err)
		if want := []AbortedTxn{{5, 0}}; !slices.Equal(aborted, want) {
			t.Errorf("aborted are %v, want %v", aborted, want)
		}
		if got, err := appendSync(p, bytes.Clone(repeat)); err != nil || !got.Duplicate || got.BaseOffset != 6 {
			t.Errorf("the repeated batch: %+v, %v", got, err)
		}
		if got := known(t, p); len(got) != 1 {
			t.Errorf("there are %v, want offset 2 only", got)
		}
		l.close()
		l, p = started(t, mem)
	}
}

// Who reads the old file when its segment is erased gets all of it; then it goes.
func TestReadsUnderWayAreNotTorn(t *testing.T) {
	mem := vfs.NewMem()
	l, p := started(t, mem)
	settle(t, p, 50, 100)
	l.close()
	disk := &vfstest.Remains{FS: mem}
	_, p = started(t, disk)
	settle(t, p, 1, 10)
	mustDo(t, p.flush())
	s, err := p.Read(0, 1<<20, true)
	mustDo(t, err)
	if s.file == nil {
		t.Fatal("the read does not hold its file open")
	}
	impatient, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Erase(impatient, []Range{{7, 7}}) }()
	for buried := false; !buried; {
		p.mu.Lock()
		buried = len(p.mu.buried) > 0
		p.mu.Unlock()
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatalf("an erasure that waits for a read, and is told to end: %v", err)
	}
	if !p.erasing() {
		t.Fatal("the erasure is forgotten")
	}
	var read bytes.Buffer
	mustDo(t, s.WriteTo(&read, make([]byte, 64<<10)))
	if !strings.Contains(read.String(), person(7)) {
		t.Error("the read that was under way has not got what was there")
	}
	s.Close() // first: an erasure that is gone on with does not wait for it
	mustDo(t, p.resumeErasure(t.Context()))
	wantNowhere(t, disk, 7)
	wantPeople(t, p, 51, within(Range{7, 7}))
}

// erasingWorkload appends, erases and appends. It tells how far it came.
func erasingWorkload(ctx context.Context, t *testing.T, disk vfs.FS) (erased bool) {
	l, err := tryOpen(t, disk)
	if err != nil {
		return false
	}
	defer func() { _ = l.Close() }()
	s := DefaultSettings()
	p, err := l.OpenPartition(testID("a", 0), s)
	if err != nil || l.Start(context.Background()) != nil {
		return false
	}
	for range 4 {
		if _, err := appendSync(p, people(t, batch.Head{}, p.LogEnd(), 2, 50)); err != nil {
			return false
		}
	}
	if p.flush() != nil {
		return false
	}
	if _, err := appendSync(p, people(t, batch.Head{}, p.LogEnd(), 2, 50)); err != nil {
		return false
	}
	if p.Erase(ctx, erasedHere) != nil {
		return false
	}
	_, _ = appendSync(p, people(t, batch.Head{}, p.LogEnd(), 2, 50))
	return true
}

var erasedHere = []Range{{3, 3}, {8, 9}}

// The power goes at each operation that changes the disk. An erasure is undone as
// a whole, or completed by the next start; other records stay.
func TestCrashAtEveryWriteCompletesAnErasure(t *testing.T) {
	whole := vfs.NewFaulty(vfs.NewMem(), func(vfs.Op) error { return nil })
	if !erasingWorkload(t.Context(), t, whole) {
		t.Fatal("the workload fails without a fault")
	}
	stride := max(1, whole.Mutations()/100)
	for i, v := range vfstest.Cuts() {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			for n := 1 + i%stride; n <= whole.Mutations(); n += stride {
				t.Run(fmt.Sprint(n), func(t *testing.T) { crashErasing(t, v.Hook(n), v.Keep(n)) })
			}
		})
	}
}

func crashErasing(t *testing.T, hook func(vfs.Op) error, keep vfs.Keep) {
	mem := vfs.NewMem()
	ctx, cancel := context.WithCancel(t.Context())
	answered := erasingWorkload(ctx, t, vfs.NewFaulty(mem, func(op vfs.Op) error {
		err := hook(op)
		if err != nil {
			cancel() // a disk that is gone would be waited for
		}
		return err
	}))
	after := &vfstest.Remains{FS: mem.Crash(keep)}
	l := openLog(t, after)
	p := l.partition("a", 0)
	intended := p.erasing()
	l.start()
	mustDo(t, p.resumeErasure(t.Context()))
	if err := p.Err(); err != nil {
		t.Fatal(err)
	}
	_, there := known(t, p)[3]
	gone := func(int64) bool { return false }
	if p.LogEnd() > 9 && (answered || intended || !there) {
		gone = within(erasedHere...)
		wantNowhere(t, after, 3, 8, 9)
	}
	wantPeople(t, p, p.LogEnd(), gone)
	settle(t, p, 1, 10)
	wantPeople(t, p, p.LogEnd(), gone)
	l.close()
}

// Appends, reads, compaction and retention go on while records are erased.
func TestErasureAmongOthersWork(t *testing.T) {
	disk := &vfstest.Remains{FS: vfs.NewMem()}
	l, p := started(t, disk, func(s *Settings) {
		s.SegmentBytes, s.Compact, s.MinCleanableRatio = 8_000, true, 0
		s.RetentionAge, s.RetentionBytes = -1, 100_000
	})
	other := l.partition("b", 0)
	settle(t, p, 20, 100)
	var stop atomic.Bool
	var work sync.WaitGroup
	for _, f := range []func(){
		func() { settle(t, p, 3, 100); settle(t, other, 1, 100) },
		func() {
			list, err := batchesBelow(p)
			for _, b := range list {
				err = errors.Join(err, b.Check())
			}
			// Retention may have taken it, and a read of what memory had may have to be
			// begun again.
			if err != nil && !errors.Is(err, ErrOffsetOutOfRange) && !errors.Is(err, errReplaced) {
				t.Error(err)
			}
		},
		func() { mustDo(t, p.compact(t.Context(), l.cfg.Now())) },
		func() { mustDo(t, l.applyRetention(l.partitions(), l.cfg.Now())) },
	} {
		work.Go(func() {
			for !stop.Load() {
				f()
			}
		})
	}
	random := rand.New(rand.NewPCG(1, 2))
	var gone []Range
	for range 25 {
		from := random.Int64N(p.HighWatermark())
		r := Range{from, min(from+random.Int64N(4), p.HighWatermark()-1)}
		mustDo(t, p.Erase(t.Context(), []Range{r}))
		gone = append(gone, r)
	}
	stop.Store(true)
	work.Wait()
	left := known(t, p)
	for _, r := range gone {
		for o := r.First; o <= r.Last; o++ {
			if left[o] != "" {
				t.Errorf("offset %d is there", o)
			}
		}
	}
	wantPeople(t, p, p.HighWatermark(), within(gone...))
}

// Random erasures, restarts and appends leave what a model says.
func TestErasuresFollowAModel(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 7))
			disk := &vfstest.Remains{FS: vfs.NewMem()}
			small := func(s *Settings) { s.SegmentBytes = 3000 }
			l, p := started(t, disk, small)
			gone := map[int64]bool{}
			for range 25 {
				switch random.IntN(6) {
				case 0, 1, 2:
					settle(t, p, 1+random.IntN(6), random.IntN(400))
				case 3, 4:
					var ranges []Range
					for o := random.Int64N(10); o < p.HighWatermark(); o += 2 + random.Int64N(20) {
						r := Range{o, min(o+random.Int64N(3), p.HighWatermark()-1)}
						ranges = append(ranges, r)
						for o = r.First; o <= r.Last; o++ {
							gone[o] = true
						}
					}
					mustDo(t, p.Erase(t.Context(), ranges))
				default:
					l.close()
					l, p = started(t, disk, small)
				}
				wantPeople(t, p, p.HighWatermark(), func(o int64) bool { return gone[o] })
			}
			wantNowhere(t, disk, slices.Collect(maps.Keys(gone))...)
			l.close()
		})
	}
}

func TestAnErasureThatCannotBeReadIsTold(t *testing.T) {
	for _, bad := range []string{"", "evident erasing 3\n1 2\n", erasingHeader + "1\n", erasingHeader + "2 1\n", erasingHeader + "-1 1\n", erasingHeader + "announced 1\n"} {
		if r, _, err := decodeErasing([]byte(bad)); err == nil {
			t.Errorf("%q is read as %v", bad, r)
		}
	}
	if got := mergeRanges([]Range{{0, math.MaxInt64}}, []Range{{5, 5}}); !slices.Equal(got, []Range{{0, math.MaxInt64}}) {
		t.Errorf("all offsets and one more are %v", got)
	}
	for _, c := range [][2][]Range{{{{1, 4}, {9, 9}}, nil}, {nil, {{2, 2}}}, {{{1, 1}}, {{1, 4}, {7, 7}}}, {{}, nil}} {
		a, b, err := decodeErasing(encodeErasing(c[0], c[1]))
		if err != nil || !slices.Equal(a, c[0]) || !slices.Equal(b, c[1]) || (a == nil) != (c[0] == nil) {
			t.Errorf("%v became %v and %v, %v", c, a, b, err)
		}
	}
	if got, _, err := decodeErasing([]byte(erasingHeader1 + "3 5\n")); err != nil || !slices.Equal(got, []Range{{3, 5}}) {
		t.Errorf("version 1 is read as %v, %v", got, err)
	}
}

func FuzzDecodeErasing(f *testing.F) {
	f.Add(encodeErasing([]Range{{1, 4}}, []Range{{2, 9}, {11, 12}}))
	f.Add([]byte(erasingHeader1))
	f.Fuzz(func(t *testing.T, b []byte) {
		erasing, announced, err := decodeErasing(b)
		if err != nil {
			return
		}
		e, a, err := decodeErasing(encodeErasing(erasing, announced))
		if err != nil || !slices.Equal(e, erasing) || !slices.Equal(a, announced) {
			t.Errorf("%v and %v became %v and %v, %v", erasing, announced, e, a, err)
		}
	})
}
