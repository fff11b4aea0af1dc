package index

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/internal/vfs/vfstest"
	"github.com/evidentlog/evident/proof"
)

func open(t testing.TB, fsys vfs.FS, records int64) *Index {
	t.Helper()
	ix, err := Open(Config{FS: fsys, Dir: "/data/index", BlockRecords: records})
	if err != nil {
		t.Fatal(err)
	}
	return ix
}

func (ix *Index) orders(t testing.TB, next int64) *Partition {
	t.Helper()
	p, err := ix.Partition(orders, next)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// close writes what is left, as the end of Run does.
func (ix *Index) close(t testing.TB) {
	t.Helper()
	for _, p := range ix.Partitions("") {
		p.cut()
	}
	if err := ix.writeAll(); err != nil {
		t.Fatal(err)
	}
}

// Whatever is added, written, merged, erased, trimmed and opened again, the index
// finds all that it should and nothing that was erased.
func TestWhatIsFoundIsWhatIsThere(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	disk := newDisk(t)
	ix := open(t, disk, 40)
	p := ix.orders(t, 0)
	erased, start := map[int64]bool{}, int64(0)
	for range 400 {
		next := p.Next()
		switch random.IntN(12) {
		case 0:
			gone := map[int64]bool{}
			for range random.IntN(20) {
				gone[random.Int64N(next+50)] = true // also what is still to come
			}
			maps.Copy(erased, gone)
			if err := p.Erase(ranges(gone)); err != nil {
				t.Fatal(err)
			}
		case 1:
			ix.close(t)
			ix = open(t, disk, 40)
			p = ix.orders(t, next)
			p.mu.erased = [][]proof.Range{append(ranges(erased), proof.Range{First: 1 << 40, Last: 1 << 40})} // gone from the log
		case 2:
			start = max(start, random.Int64N(next+1)-300)
			p.Trim(start)
		case 3, 4:
			if err := ix.writeAll(); err != nil {
				t.Fatal(err)
			}
		case 5:
			check(t, p, erased, start)
		default:
			from := p.Next() - min(p.Next(), random.Int64N(3)) // some come twice
			switch got := add(ix, p, from, from+random.Int64N(60)); got {
			case NoRoom:
				if err := ix.writeAll(); err != nil {
					t.Fatal(err)
				}
			case Taken:
			default:
				t.Fatalf("Add: %v", got)
			}
		}
	}
	check(t, p, erased, start)
	if len(p.mu.blocks) == 0 {
		t.Error("no block was ever written")
	}
}

func TestAllTermsMustFit(t *testing.T) {
	ix := open(t, newDisk(t), 1000)
	p := ix.orders(t, 0)
	for from := int64(0); from < 20_000; from += 500 { // across zones and blocks
		if add(ix, p, from, from+500) == NoRoom {
			t.Fatal("no room")
		}
		if err := ix.writeAll(); err != nil {
			t.Fatal(err)
		}
	}
	var want []int64
	for o := int64(7000); o < 20_000; o++ {
		r := newRecord(o)
		if there(o) && r.values[Key] == "key3" && r.values[Type] == "type1" && r.timestamp >= 50_000 && r.timestamp < 120_000 {
			want = append(want, o)
		}
	}
	terms := Terms{Since: 50_000, Until: 120_000}
	terms.Values[Key], terms.Values[Type] = []byte("key3"), []byte("type1")
	got := found(t, p, terms, 7000)
	outside := 0
	for _, o := range got {
		r := newRecord(o)
		if r.values[Key] != "key3" || r.values[Type] != "type1" || o < 7000 {
			t.Fatalf("found %d: %+v", o, r)
		}
		if r.timestamp < 50_000 || r.timestamp >= 120_000 {
			outside++ // zones are larger than the time that was asked for
		}
	}
	for _, o := range want {
		if _, ok := slices.BinarySearch(got, o); !ok {
			t.Errorf("offset %d was not found", o)
		}
	}
	if len(want) == 0 || outside > 400 {
		t.Errorf("%d found, %d wanted, %d of another time", len(got), len(want), outside)
	}
	terms = Terms{Since: 50_000, Until: 50_100} // nothing but a time
	got = found(t, p, terms, 0)
	if !slices.Contains(got, 4995) || len(got) > 2<<zoneBits {
		t.Errorf("by time alone %d offsets", len(got))
	}
}

// The power goes at each write in turn. What comes back is the index up to some
// offset, and no further than the ledger; what is missing can be added again. What
// was erased stays so.
func TestAfterAPowerCutTheIndexIsWhatItWasOrBehind(t *testing.T) {
	for _, cut := range vfstest.Cuts() {
		for n := 1; ; n++ {
			if !cutAt(t, cut, n) {
				break
			}
		}
	}
}

// testLedger is how far the ledger has come when the power goes.
const testLedger = 66

// cutAt tells whether the power went.
func cutAt(t *testing.T, cut vfstest.Cut, n int) bool {
	mem := newDisk(t)
	faulty := vfs.NewFaulty(mem, cut.Hook(n))
	erased := map[int64]bool{}
	err := work(t, faulty, erased)
	if err == nil && faulty.Mutations() < n {
		return false
	}
	if err != nil && !errors.Is(err, vfs.ErrCrashed) {
		t.Fatalf("%s at %d: %v", cut.Name, n, err)
	}
	disk := mem.Crash(cut.Keep(n))
	ix := open(t, disk, 5)
	p := ix.orders(t, testLedger)
	if p.Next() > testLedger || p.Behind() != (p.Next() < testLedger) {
		t.Fatalf("%s at %d: the index reaches %d, the ledger %d", cut.Name, n, p.Next(), testLedger)
	}
	if err == nil && p.Next() < testLedger {
		t.Fatalf("%s at %d: all was written, and the index reaches %d only", cut.Name, n, p.Next())
	}
	gone := maps.Clone(erased) // from the log, too
	maps.DeleteFunc(gone, func(_ int64, sure bool) bool { return !sure })
	p.mu.erased = [][]proof.Range{append(ranges(gone), proof.Range{First: 1 << 40, Last: 1 << 40})}
	check(t, p, erased, 0)
	for p.Next() < testLedger+50 {
		add(ix, p, p.Next(), p.Next()+30)
		ix.close(t)
	}
	check(t, p, erased, 0)
	return true
}

// work is what the power is cut at: erased has what was surely erased.
func work(t *testing.T, fsys vfs.FS, erased map[int64]bool) error {
	ix, err := Open(Config{FS: fsys, Dir: "/data/index", BlockRecords: 5})
	if err != nil {
		return err
	}
	ix.width = 4
	p, err := ix.Partition(orders, 0)
	if err != nil {
		return err
	}
	for from := int64(0); from < testLedger; from += 6 {
		if got := add(ix, p, from, min(from+6, testLedger)); got != Taken {
			t.Fatal(got)
		}
		if err := p.write(); err != nil {
			return err
		}
		if from == 54 {
			erased[0], erased[3], erased[50] = false, false, false
			if err := p.Erase([]proof.Range{{First: 0, Last: 0}, {First: 3, Last: 3}, {First: 50, Last: 50}}); err != nil {
				return err
			}
			erased[0], erased[3], erased[50] = true, true, true
		}
	}
	p.cut()
	return p.write()
}

// What is erased, or merged away, is not to be found on the disk in any form.
func TestNothingOfWhatWasErasedIsLeftOnTheDisk(t *testing.T) {
	var written [][]byte
	mem := newDisk(t)
	ix := open(t, mem, 30)
	p := ix.orders(t, 0)
	for from := int64(0); from < 500; from += 50 {
		add(ix, p, from, from+50)
		if err := ix.writeAll(); err != nil {
			t.Fatal(err)
		}
	}
	// Files that are unlinked are still there for who has them open.
	list, err := mem.ReadDir(p.dir)
	if err != nil {
		t.Fatal(err)
	}
	var files []vfs.File
	for _, e := range list {
		f, err := mem.Open(p.dir+"/"+e.Name(), 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files = append(files, f)
	}
	if err := ix.Erase(orders.TopicID, 3, []proof.Range{{First: 97, Last: 99}}); err != nil {
		t.Fatal(err)
	}
	r := newRecord(99)
	hash := ix.secret.hash(ID, []byte(r.values[ID])) &^ deltaMask
	for _, f := range files {
		size, err := f.Size()
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, size)
		if _, err := f.ReadAt(b, 0); err != nil && err != io.EOF {
			t.Fatal(err)
		}
		written = append(written, b)
	}
	for i, b := range written {
		for at := 0; at+8 <= len(b); at += 8 {
			if slot := uint64(b[at])<<56 | uint64(b[at+1])<<48 | uint64(b[at+2])<<40 | uint64(b[at+3])<<32 | uint64(b[at+4])<<24 | uint64(b[at+5])<<16; slot == hash&^0xffff {
				t.Errorf("%s still has it", files[i].Name())
			}
		}
	}
	check(t, p, map[int64]bool{97: true, 98: true, 99: true}, 0)
}

func TestRecordsThatComeTooEarlyAreToldOfAndNotTaken(t *testing.T) {
	ix := open(t, newDisk(t), 100)
	p := ix.orders(t, 50) // the ledger has 50, the index none
	if !p.Behind() {
		t.Fatal("not behind")
	}
	<-ix.Late()
	if got := add(ix, p, 50, 60); got != TooFar {
		t.Fatalf("got %v", got)
	}
	<-ix.Late()
	if got := add(ix, p, 0, 55); got != Taken || !p.Behind() {
		t.Fatalf("got %v", got)
	}
	if got := add(ix, p, 55, 60); got != Taken || p.Behind() {
		t.Fatalf("got %v", got)
	}
	check(t, p, nil, 0)
}

func TestADiskThatDoesNotKeepUpCostsNoMemory(t *testing.T) {
	ix := open(t, newDisk(t), 10)
	p := ix.orders(t, 0)
	for from := int64(0); from < 10_000; from += 20 {
		add(ix, p, from, from+20)
	}
	if n := len(p.mu.full); n > maxFull+2 || !p.Behind() {
		t.Errorf("%d slices wait", n)
	}
	if err := ix.writeAll(); err != nil {
		t.Fatal(err)
	}
	for p.Behind() {
		add(ix, p, p.Next(), min(10_000, p.Next()+20))
		if err := ix.writeAll(); err != nil {
			t.Fatal(err)
		}
	}
	ix.close(t)
	check(t, p, nil, 0)
	if n := ix.memory.Load(); n != 0 {
		t.Errorf("%d bytes are thought to be in memory", n)
	}
}

func TestAPartitionThatIsDroppedLeavesNothing(t *testing.T) {
	disk := newDisk(t)
	ix := open(t, disk, 10)
	p := ix.orders(t, 0)
	add(ix, p, 0, 30)
	ix.close(t)
	p.Drop()
	if len(ix.Partitions("")) > 0 {
		t.Error("it is still there to be searched")
	}
	if err := ix.removeDropped(); err != nil {
		t.Fatal(err)
	}
	if got := add(ix, p, 30, 40); got != Ended {
		t.Errorf("got %v", got)
	}
	list, err := disk.ReadDir("/data/index")
	if err != nil || len(list) != 1 || list[0].Name() != formatFile {
		t.Errorf("%v, %v", list, err)
	}
	if p = ix.orders(t, 0); p.Next() != 0 || add(ix, p, 0, 5) != Taken {
		t.Error("it cannot be made anew")
	}
}

func flip(t *testing.T, fsys vfs.FS, name string, at int64) {
	t.Helper()
	err := withFile(fsys, name, vfs.Write, func(f vfs.File) error {
		b := make([]byte, 1)
		if _, err := f.ReadAt(b, at); err != nil {
			return err
		}
		b[0] ^= 1
		_, err := f.WriteAt(b, at)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAnIndexOfANewerVersionIsRefused(t *testing.T) {
	disk := newDisk(t)
	open(t, disk, 10)
	err := withFile(disk, "/data/index/format", vfs.Write, func(f vfs.File) error {
		_, err := f.WriteAt([]byte("evident index 2\n"), 0)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{FS: disk, Dir: "/data/index"}); err == nil || !strings.Contains(err.Error(), "newer version") {
		t.Errorf("got %v", err)
	}
}

func TestWithoutItsSecretAnIndexIsMadeAgain(t *testing.T) {
	disk := newDisk(t)
	ix := open(t, disk, 10)
	add(ix, ix.orders(t, 0), 0, 30)
	ix.close(t)
	if err := disk.Remove("/data/index/format"); err != nil {
		t.Fatal(err)
	}
	ix = open(t, disk, 10)
	if p := ix.orders(t, 30); p.Next() != 0 || !p.Behind() {
		t.Errorf("it reaches %d", p.Next())
	}
}

// The reference values of SipHash's authors: key 00..0f, message 00..0e and less.
func TestHashesAreSipHash(t *testing.T) {
	var key, message []byte
	for i := range byte(16) {
		key = append(key, i)
	}
	s := newSecret(key)
	for n, want := range map[int]uint64{0: 0x726fdb47dd0e0e31, 1: 0x74f839c593dc67fd, 8: 0x93f5f5799a932462, 15: 0xa129ca6149be45e5} {
		message = message[:0]
		for i := range n {
			message = append(message, byte(i))
		}
		if got := s.hash(0, message); got != want {
			t.Errorf("%d bytes: %016x, want %016x", n, got, want)
		}
	}
}

// Many partitions have nothing in their index for long: opening them writes
// nothing, and closing what stays empty leaves nothing.
func TestAPartitionHasNoFolderBeforeItsFirstBlock(t *testing.T) {
	mem := newDisk(t)
	ix := open(t, mem, 30)
	if err := mem.SyncDir("/data"); err != nil { // the index's own folder is not what is tested
		t.Fatal(err)
	}
	p := ix.orders(t, 0)
	p.Drop()
	if err := ix.removeDropped(); err != nil {
		t.Errorf("dropped: %v", err)
	}
	p = ix.orders(t, 0)
	if err := ix.writeAll(); err != nil {
		t.Fatal(err)
	}
	if list, err := mem.ReadDir(p.dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("before the first block there are %v, %v", list, err)
	}
	add(ix, p, 0, 60)
	if err := ix.writeAll(); err != nil {
		t.Fatal(err)
	}
	mem = mem.Crash(vfs.KeepNone) // what was synced is left
	if list, err := mem.ReadDir(p.dir); len(list) == 0 || err != nil {
		t.Errorf("after the first block there are %v, %v", list, err)
	}
}
