package log

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"math/rand/v2"
	"path"
	"slices"
	"sync"
	"testing"

	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/internal/vfs/vfstest"
)

// noteErasure is how an erasure begins that somebody is stopped in.
func noteErasure(p *Partition, ranges []Range) error {
	p.maintenance.Lock()
	defer p.maintenance.Unlock()
	return p.noteErasure(ranges)
}

// What nobody could erase yet may go by retention: then it is gone, too, and what
// is left of the erasure goes on.
func TestAPendingErasureKeepsNothingFromBeingRemoved(t *testing.T) {
	for _, restart := range []bool{false, true} {
		disk := &vfstest.Remains{FS: vfs.NewMem()}
		small := func(s *Settings) { s.SegmentBytes = 1000 }
		l, p := started(t, disk, small)
		for range 30 {
			settle(t, p, 1, 100)
		}
		mustDo(t, p.flush())
		mustDo(t, noteErasure(p, []Range{{2, 4}, {25, 25}}))
		l.deleteRecords(p, 20)
		if p.LogStart() != 20 {
			t.Fatalf("the log starts at %d, want 20", p.LogStart())
		}
		if restart {
			l.close()
			l, p = started(t, disk, small)
		}
		mustDo(t, p.resumeErasure(t.Context()))
		if p.erasing() {
			t.Error("the erasure is not over")
		}
		wantNowhere(t, disk, 2, 3, 4, 25)
		wantPeople(t, p, 30, within(Range{25, 25}))
		l.close()
	}
}

// What was announced, and goes by retention before anybody erases it, is overwritten.
func TestWhatIsAnnouncedLeavesNothingBehindWhenItIsRemoved(t *testing.T) {
	disk := &vfstest.Remains{FS: vfs.NewMem()}
	l, p := started(t, disk, func(s *Settings) { s.SegmentBytes = 1000 })
	for range 30 {
		settle(t, p, 1, 100)
	}
	mustDo(t, p.flush())
	mustDo(t, p.Announce([]Range{{2, 4}}))
	l.deleteRecords(p, 20)
	if p.LogStart() != 20 {
		t.Fatalf("the log starts at %d, want 20", p.LogStart())
	}
	mustDo(t, p.resumeErasure(t.Context()))
	wantNowhere(t, disk, 2, 3, 4)
	wantPeople(t, p, 30, within())
	l.close()
}

// A read of what is being erased that does not end keeps neither retention nor
// other erasures from the partition.
func TestASlowReadKeepsNobodyFromAPartition(t *testing.T) {
	mem := vfs.NewMem()
	l, p := started(t, mem)
	settle(t, p, 50, 100)
	l.close()
	disk := &vfstest.Remains{FS: mem}
	l, p = started(t, disk)
	settle(t, p, 5, 10)
	mustDo(t, p.flush())
	slow, err := p.Read(0, 1<<20, true)
	mustDo(t, err)
	done := make(chan error, 2)
	for _, o := range []int64{7, 9} { // of the same segment
		go func() { done <- p.Erase(t.Context(), []Range{{o, o}}) }()
		for written := false; !written; {
			mustDo(t, p.resumeErasure(t.Context()))
			written = known(t, p)[o] == ""
		}
	}
	l.deleteRecords(p, 55)
	mustDo(t, p.resumeErasure(t.Context()))
	if !p.erasing() {
		t.Error("the erasure is over, and what it is about is still read")
	}
	var read bytes.Buffer
	mustDo(t, slow.WriteTo(&read, make([]byte, 64<<10)))
	if !bytes.Contains(read.Bytes(), []byte(person(7))) {
		t.Error("the read that was under way has not got what was there")
	}
	slow.Close()
	mustDo(t, errors.Join(<-done, <-done))
	wantNowhere(t, disk, 7, 9)
}

// spoil makes a batch in a file one that nobody can decompress, with a sound CRC. It
// returns bytes of it.
func spoil(t *testing.T, disk vfs.FS, file string, b []byte) (bad []byte) {
	t.Helper()
	all, err := readFile(disk, file)
	mustDo(t, err)
	const crcAt = 17 // of what follows it
	from := bytes.Index(all, b[crcAt:]) - crcAt
	if from < 0 {
		t.Fatalf("the batch is not in %s", file)
	}
	b = bytes.Clone(b)
	bad = b[len(b)-20:]
	for i := range bad {
		bad[i] ^= 0x55
	}
	binary.BigEndian.PutUint32(b[crcAt:], crc32.Checksum(b[crcAt+4:], castagnoli))
	overwrite(t, disk, file, int64(from+crcAt), b[crcAt:])
	return bad
}

func TestABatchThatCannotBeReadKeepsNothingElseFromBeingErased(t *testing.T) {
	mem := vfs.NewMem()
	l, p := started(t, mem)
	settle(t, p, 3, 10)
	b := people(t, batch.Head{Codec: batch.Gzip}, 3, 4, 10)
	mustAppend(t, p, bytes.Clone(b)) // 3 to 6
	settle(t, p, 3, 10)              // 7 to 9
	l.close()
	bad := spoil(t, mem, segmentFiles(t, mem, ".log")[0], b)
	disk := &vfstest.Remains{FS: mem}
	_, p = started(t, disk)

	err := p.Erase(t.Context(), []Range{{1, 1}, {4, 8}})
	var left *UnreadableError
	if !errors.As(err, &left) || !slices.Equal(left.Offsets, []Range{{4, 6}}) {
		t.Fatalf("an erasure of what cannot be read: %v, want offsets 4 to 6", err)
	}
	wantNowhere(t, disk, 1, 7, 8)
	if where, err := vfstest.Find(disk, "data", bad); err != nil || where == "" {
		t.Error("the batch that others have records in is gone")
	}
	if p.erasing() {
		t.Error("what cannot be erased is tried for ever")
	}
	mustDo(t, p.Erase(t.Context(), []Range{{3, 6}})) // all of it can go
	if where, err := disk.Find("data", bad); err != nil || where != "" {
		t.Errorf("all offsets of the batch are erased, and it is in %s (%v)", where, err)
	}
	wantPeople(t, p, 10, within(Range{1, 1}, Range{3, 8}))
}

// Erasures at the same time do each other's work, and each tells what it could not do
// of its own.
func TestWhatCannotBeReadIsToldToWhoeverAskedForIt(t *testing.T) {
	mem := vfs.NewMem()
	l, p := started(t, mem)
	b := people(t, batch.Head{Codec: batch.Gzip}, 0, 4, 10)
	mustAppend(t, p, bytes.Clone(b)) // 0 to 3
	settle(t, p, 12, 10)             // 4 to 15
	l.close()
	spoil(t, mem, segmentFiles(t, mem, ".log")[0], b)
	l, p = started(t, mem)
	defer l.close()
	var wg sync.WaitGroup
	for o := int64(2); o < 16; o++ {
		wg.Go(func() {
			err := p.Erase(t.Context(), []Range{{o, o}})
			var left *UnreadableError
			switch told := errors.As(err, &left); {
			case o > 3 && err != nil:
				t.Errorf("offset %d can be read: %v", o, err)
			case o <= 3 && (!told || !slices.Equal(left.Offsets, []Range{{o, o}})):
				t.Errorf("offset %d cannot be read: %v", o, err)
			}
		})
	}
	wg.Wait()
}

func TestADamagedSegmentKeepsNothingElseFromBeingErased(t *testing.T) {
	mem := vfs.NewMem()
	l, p := started(t, mem, smallSegments)
	for range 20 {
		settle(t, p, 1, 200)
	}
	mustDo(t, errors.Join(p.flush(), l.writeCheckpoints()))
	second := at(segmentFiles(t, mem, ".log"), 1)
	base, _ := segmentBase(path.Base(second))
	l.close()
	mustDo(t, mem.FlipBit(second, 100))
	_, p = started(t, mem, smallSegments)
	err := p.Erase(t.Context(), []Range{{0, 19}})
	var left *UnreadableError
	if !errors.As(err, &left) || len(left.Offsets) != 1 || left.Offsets[0].First != base || p.Err() != nil {
		t.Fatalf("an erasure from a damaged segment at %d: %v (%v)", base, err, p.Err())
	}
	if where, err := vfstest.Find(mem, "data", []byte(person(19))); err != nil || where != "" {
		t.Errorf("what lies behind the damage is in %s (%v)", where, err)
	}
}

// stranger is a batch with a record that got an offset after what was there before
// had been cut off.
func stranger(t testing.TB, p *Partition) []byte {
	return people(t, batch.Head{}, 1000+p.LogEnd(), 1, 60)
}

// Random wishes, cuts, appends and restarts: whatever was to be erased when an
// offset was cut off, the record that gets it then stays.
func TestARecordIsNeverErasedByAnOlderWish(t *testing.T) {
	for seed := range uint64(10) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 3))
			mem := vfs.NewMem()
			small := func(s *Settings) { s.SegmentBytes = 1500 }
			l, p := started(t, mem, small)
			var model []bool // by offset: is to be there
			for range 60 {
				switch random.IntN(7) {
				case 0, 1, 2:
					mustAppend(t, p, stranger(t, p))
					model = append(model, true)
				case 3:
					if len(model) == 0 {
						continue
					}
					mustDo(t, p.flush())
					first := random.Int64N(int64(len(model)))
					r := Range{first, min(first+random.Int64N(6), int64(len(model))-1)}
					mustDo(t, noteErasure(p, []Range{r}))
					for o := r.First; o <= r.Last; o++ {
						model[o] = false
					}
				case 4:
					end := max(0, len(model)-random.IntN(8))
					mustDo(t, p.Truncate(int64(end)))
					model = model[:end]
				case 5:
					mem = mem.Crash(vfs.KeepAll)
					_ = l.Close()
					l, p = started(t, mem, small)
				default:
					mustDo(t, p.resumeErasure(t.Context()))
				}
			}
			mustDo(t, p.resumeErasure(t.Context()))
			wantThere(t, p, model)
			_ = l.Close()
		})
	}
}

func TestRangesAreCutAndCombined(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 9))
	for range 200 {
		var lists [2][]Range
		for i := range lists {
			for o := random.Int64N(4); o < 40; o += 2 + random.Int64N(6) {
				r := Range{o, o + random.Int64N(5)}
				lists[i] = append(lists[i], r)
				o = r.Last
			}
		}
		a, b := lists[0], lists[1]
		for o := range int64(60) {
			inA, inB := within(a...)(o), within(b...)(o)
			if within(overlap(a, b)...)(o) != (inA && inB) || within(without(a, b)...)(o) != (inA && !inB) || within(clipped(a, 20)...)(o) != (inA && o < 20) {
				t.Fatalf("at %d: %v and %v have %v in common, %v without", o, a, b, overlap(a, b), without(a, b))
			}
			last := o + random.Int64N(5)
			i := slices.IndexFunc(a, func(r Range) bool { return r.First <= last && r.Last >= o })
			if r, ok := touching(a, o, last); ok != (i >= 0) || ok && r != a[i] {
				t.Fatalf("of %v the first from %d to %d is %v, %v", a, o, last, r, ok)
			}
		}
	}
}

// An announcement is there after a crash, and ends where the log was cut; erasing
// keeps it, and nothing is erased by it alone.
func TestAnAnnouncementMeansTheRecordsThatWereThere(t *testing.T) {
	mem := vfs.NewMem()
	l, p := started(t, mem)
	for range 10 {
		settle(t, p, 1, 10)
	}
	mustDo(t, p.Announce([]Range{{2, 3}, {6, 9}}))
	mem = mem.Crash(vfs.KeepNone)
	_ = l.Close()
	l, p = started(t, mem)
	mustDo(t, p.resumeErasure(t.Context()))
	wantPeople(t, p, 10, within())
	mustDo(t, p.Erase(t.Context(), []Range{{2, 2}}))
	mustDo(t, p.Truncate(8))
	for range 5 {
		mustAppend(t, p, stranger(t, p))
	}
	mem = mem.Crash(vfs.KeepNone)
	_ = l.Close()
	l, p = started(t, mem)
	if got := p.Announced([]Range{{3, 20}}); !slices.Equal(got, []Range{{3, 3}, {6, 7}}) {
		t.Errorf("announced are %v", got)
	}
	mustDo(t, p.Withdraw([]Range{{0, 6}}))
	if got := p.Announced([]Range{{0, 20}}); !slices.Equal(got, []Range{{7, 7}}) {
		t.Errorf("announced are %v", got)
	}
	mustDo(t, p.Withdraw([]Range{{7, 7}}))
	if _, err := mem.Stat(p.erasingPath()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing is announced any more, and there is a file: %v", err)
	}
	if err := p.Announce([]Range{{20, 20}}); !errors.Is(err, ErrOffsetOutOfRange) {
		t.Errorf("beyond the end: %v", err)
	}
	l.close()
}

// wantThere checks which offsets have records.
func wantThere(t testing.TB, p *Partition, model []bool) {
	t.Helper()
	got := known(t, p)
	for o, there := range model {
		if _, ok := got[int64(o)]; ok != there {
			t.Errorf("offset %d has a record: %v, want %v", o, ok, there)
		}
	}
	if int64(len(model)) != p.LogEnd() {
		t.Errorf("the log ends at %d, want %d", p.LogEnd(), len(model))
	}
}

// cuttingWorkload notes an erasure, cuts off a part of what it is about, and appends
// others there. It returns how many of those were acknowledged.
func cuttingWorkload(ctx context.Context, t *testing.T, disk vfs.FS) (appended int) {
	l, err := tryOpen(t, disk)
	if err != nil {
		return 0
	}
	defer func() { _ = l.Close() }()
	p, err := l.OpenPartition(testID("a", 0), DefaultSettings())
	if err != nil || l.Start(context.Background()) != nil {
		return 0
	}
	// The log may be at the erasure, too, and waits for the disk until it is closed.
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	for range 8 {
		if _, err := appendSync(p, people(t, batch.Head{}, p.LogEnd(), 1, 50)); err != nil {
			return 0
		}
	}
	if p.flush() != nil || noteErasure(p, []Range{{2, 7}}) != nil || p.Truncate(4) != nil {
		return 0
	}
	for range 6 {
		if _, err := appendSync(p, stranger(t, p)); err != nil {
			return appended
		}
		appended++
	}
	for p.resumeErasure(ctx) != nil && ctx.Err() == nil {
	}
	return appended
}

func TestCrashAtEveryWriteErasesNoNewRecord(t *testing.T) {
	whole := vfs.NewFaulty(vfs.NewMem(), func(vfs.Op) error { return nil })
	if n := cuttingWorkload(t.Context(), t, whole); n != 6 {
		t.Fatalf("%d records are appended without a fault", n)
	}
	stride := max(1, whole.Mutations()/60)
	for i, v := range vfstest.Cuts() {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			for n := 1 + i%stride; n <= whole.Mutations(); n += stride {
				t.Run(fmt.Sprint(n), func(t *testing.T) { crashCutting(t, v.Hook(n), v.Keep(n)) })
			}
		})
	}
}

func crashCutting(t *testing.T, hook func(vfs.Op) error, keep vfs.Keep) {
	mem := vfs.NewMem()
	ctx, cancel := context.WithCancel(t.Context())
	appended := cuttingWorkload(ctx, t, vfs.NewFaulty(mem, func(op vfs.Op) error {
		err := hook(op)
		if err != nil {
			cancel() // a disk that is gone would be waited for
		}
		return err
	}))
	l := openLog(t, mem.Crash(keep))
	p := l.partition("a", 0)
	l.start()
	if err := p.Err(); err != nil {
		t.Fatal(err)
	}
	mustDo(t, p.resumeErasure(t.Context()))
	left := known(t, p)
	for o := range int64(appended) {
		if want := person(1000 + 4 + o); left[4+o] != want {
			t.Errorf("offset %d has %q, want %q", 4+o, left[4+o], want)
		}
	}
	l.close()
}

func TestACutAtDamageForgetsWhatWasToBeErasedBehindIt(t *testing.T) {
	mem := vfs.NewMem()
	l, p := started(t, mem, smallSegments)
	for range 20 {
		settle(t, p, 1, 200)
	}
	mustDo(t, errors.Join(p.flush(), l.writeCheckpoints()))
	mustDo(t, noteErasure(p, []Range{{1, 19}}))
	files := segmentFiles(t, mem, ".log")
	_ = l.Close()
	mustDo(t, mem.FlipBit(at(files, 2), 100))
	mustDo(t, mem.Remove("data/checkpoint"))
	if err := mem.Remove("data/" + cleanName); err != nil {
		t.Fatal(err)
	}
	l = openLog(t, mem, truncateDamaged)
	p = l.partition("a", 0, smallSegments)
	end := p.LogEnd()
	if end == 0 || end >= 20 {
		t.Fatalf("the log is cut at %d", end)
	}
	l.start()
	for range 5 {
		mustAppend(t, p, stranger(t, p))
	}
	mustDo(t, p.flush())
	mustDo(t, p.resumeErasure(t.Context()))
	got := known(t, p)
	for o := end; o < end+5; o++ {
		if got[o] != person(1000+o) {
			t.Errorf("offset %d has %q, which was appended after the cut", o, got[o])
		}
	}
	if got[0] == "" || got[1] != "" {
		t.Errorf("of the records before the cut there are %q and %q", got[0], got[1])
	}
}
