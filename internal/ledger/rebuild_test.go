package ledger

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evidentlog/evident/internal/ledger/store"
	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/internal/vfs/vfstest"
	"github.com/evidentlog/evident/proof"
)

// A fakeLog has the records that add adds, in batches of ten.
type fakeLog struct {
	t       testing.TB
	end     int64
	altered int64          // an offset whose record is another; -1 for none
	gone    map[int64]bool // offsets without a record
	read    int            // calls of Batches
}

func (l *fakeLog) Start() int64 { return 0 }

func (l *fakeLog) Batches(_ context.Context, offset int64) (batches []byte, err error) {
	l.read++
	for first := offset - offset%10; first < l.end && len(batches) < 2000; first += 10 {
		b, empty := codecs.NewBuilder(batch.Head{BaseOffset: first}), true
		for o := first; o < min(first+10, l.end); o++ {
			r := record(o)
			if o == l.altered {
				r.Value = []byte("another")
			}
			if l.gone[o] {
				continue
			}
			if err := b.AppendAt(batch.Record{Offset: o, Timestamp: r.Timestamp, Key: r.Key, Value: r.Value}); err != nil {
				return nil, err
			}
			empty = false
		}
		if empty {
			continue
		}
		built, err := b.Build()
		if err != nil {
			return nil, err
		}
		batches = append(batches, built...)
	}
	return batches, nil
}

const (
	treeSize    = 600 // two full tiles, and a part of one
	treeEntries = "/data/ledger/trees/000000000001.entries"
	entryBytes  = 51
)

// rebuildWorld is a disk with a ledger that has ended, with a tree of treeSize
// offsets, of which some were erased, and the log that it was made of.
func rebuildWorld(t *testing.T, erased ...proof.Range) (*vfs.Mem, *fakeLog) {
	t.Helper()
	disk := newDisk(t)
	l := start(t, disk)
	for range treeSize / 100 {
		add(t, l.partition(0), 100)
	}
	time.Sleep(2 * DefaultInterval)
	if len(erased) > 0 {
		if _, err := l.Erase(t.Context(), orders(0), erased, "User:alice"); err != nil {
			t.Fatal(err)
		}
	}
	l.end()
	records := &fakeLog{t: t, end: treeSize, altered: -1, gone: map[int64]bool{}}
	for _, r := range erased {
		for o := r.First; o <= r.Last; o++ {
			records.gone[o] = true
		}
	}
	return disk, records
}

// checkGrows proves all of a tree but for some offsets, and lets it grow.
func checkGrows(t *testing.T, l *running, without func(int64) bool) {
	t.Helper()
	p := l.partition(0)
	size := p.Next()
	for o := int64(0); o < size; o += 7 {
		if !without(o) {
			l.proven(p, o)
		}
	}
	add(t, p, 300)
	time.Sleep(2 * DefaultInterval)
	l.proven(p, size+299)
}

func none(int64) bool { return false }

func flipEntry(t *testing.T, disk *vfs.Mem, name string, at int64) {
	t.Helper()
	if err := disk.FlipBit(name, at); err != nil {
		t.Fatal(err)
	}
}

// truncate cuts a file.
func truncate(t *testing.T, disk vfs.FS, name string, size int64) {
	t.Helper()
	f, err := disk.Open(name, vfs.Write)
	if err == nil {
		err = errors.Join(f.Truncate(size), f.Sync(), f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

var damages = map[string]struct {
	do     func(t *testing.T, disk *vfs.Mem)
	mended string // ranges
}{
	"the file is gone": {func(t *testing.T, d *vfs.Mem) {
		if err := errors.Join(d.Remove(treeEntries), d.SyncDir("/data/ledger/trees")); err != nil {
			t.Fatal(err)
		}
	}, "0-599"},
	"cut in the middle": {func(t *testing.T, d *vfs.Mem) { truncate(t, d, treeEntries, 300*entryBytes+5) }, "300-599"},
	"cut at the end":    {func(t *testing.T, d *vfs.Mem) { truncate(t, d, treeEntries, treeSize*entryBytes-1) }, "599"},
	"empty":             {func(t *testing.T, d *vfs.Mem) { truncate(t, d, treeEntries, 0) }, "0-599"},
	"a length":          {func(t *testing.T, d *vfs.Mem) { flipEntry(t, d, treeEntries, 1) }, "0"},
	"a version":         {func(t *testing.T, d *vfs.Mem) { flipEntry(t, d, treeEntries, 10*entryBytes+2) }, "10"},
	"an offset":         {func(t *testing.T, d *vfs.Mem) { flipEntry(t, d, treeEntries, 300*entryBytes+10) }, "300"},
	"a timestamp":       {func(t *testing.T, d *vfs.Mem) { flipEntry(t, d, treeEntries, 599*entryBytes+18) }, "599"},
	"a commitment":      {func(t *testing.T, d *vfs.Mem) { flipEntry(t, d, treeEntries, 255*entryBytes+40) }, "255"},
	"entries and hashes": {func(t *testing.T, d *vfs.Mem) {
		flipEntry(t, d, treeEntries, 40*entryBytes+40)
		flipEntry(t, d, strings.Replace(treeEntries, "entries", "hashes-1", 1), 33)
	}, "40"},
	"entries, and the hashes are gone": {func(t *testing.T, d *vfs.Mem) {
		flipEntry(t, d, treeEntries, 40*entryBytes+40)
		if err := d.Remove(strings.Replace(treeEntries, "entries", "hashes-1", 1)); err != nil {
			t.Fatal(err)
		}
	}, "40"},
	"hashes alone": {func(t *testing.T, d *vfs.Mem) {
		flipEntry(t, d, strings.Replace(treeEntries, "entries", "hashes-1", 1), 33)
	}, ""},
}

func TestEntriesAreMadeAgainFromRecordsAndSalts(t *testing.T) {
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				disk, records := rebuildWorld(t)
				before := readAll(t, disk, treeEntries)
				damage.do(t, disk)
				l := start(t, disk)
				shown := string(l.Checkpoint())
				done, err := l.Rebuild(t.Context(), orders(0), records)
				if err != nil || proof.FormatRanges(done.Mended) != damage.mended || done.Unmended != nil || done.Saltless != nil {
					t.Fatalf("%+v, %v", done, err)
				}
				if readAll(t, disk, treeEntries) != before {
					t.Error("the entries are not those from before")
				}
				if damage.mended == "" && records.read > 0 {
					t.Error("records were read, and no entry was damaged")
				}
				checkExtends(t, 0, shown, l.Ledger)
				checkGrows(t, l, none)
				l.end()
			})
		})
	}
}

// A tree that is open grows on while it is made again, and nothing of that is lost.
func TestATreeThatGrowsIsMadeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk, records := rebuildWorld(t)
		flipEntry(t, disk, treeEntries, 40*entryBytes+40)
		l := start(t, disk)
		p := l.partition(0)
		add(t, p, 50)
		grow := &growingLog{fakeLog: records, grow: func() {
			add(t, p, 500)
			time.Sleep(2 * DefaultInterval)
			add(t, p, 30) // in no round yet
		}}
		done, err := l.Rebuild(t.Context(), orders(0), grow)
		if err != nil || proof.FormatRanges(done.Mended) != "40" {
			t.Fatalf("%+v, %v", done, err)
		}
		time.Sleep(2 * DefaultInterval)
		checkGrows(t, l, none)
		l.end()
		again := start(t, disk.Crash(vfs.KeepNone))
		checkGrows(t, again, none)
		again.end()
	})
}

// A growingLog does something when it is read first.
type growingLog struct {
	*fakeLog
	grow func()
}

func (l *growingLog) Batches(ctx context.Context, offset int64) ([]byte, error) {
	if l.read == 0 {
		l.grow()
	}
	return l.fakeLog.Batches(ctx, offset)
}

// What does not lead to the signed head is not believed, and nothing is changed.
func TestAnAlteredRecordIsNotBelieved(t *testing.T) {
	for _, altered := range []int64{10, 590} {
		synctest.Test(t, func(t *testing.T) {
			disk, records := rebuildWorld(t)
			if err := errors.Join(disk.Remove(treeEntries), disk.Remove(strings.Replace(treeEntries, "entries", "hashes-1", 1))); err != nil {
				t.Fatal(err)
			}
			records.altered = altered
			l := start(t, disk)
			var alarms []string
			l.cfg.Alarm = func(a string) { alarms = append(alarms, a) }
			done, err := l.Rebuild(t.Context(), orders(0), records)
			if !errors.Is(err, store.ErrUnrebuilt) || fmt.Sprint(alarms) != "["+UnrebuiltAlarm+"]" {
				t.Errorf("%+v, %v, alarms %v", done, err, alarms)
			}
			if _, err := disk.Stat(treeEntries); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("entries were written: %v", err)
			}
			if _, err := disk.Stat(treeEntries + ".rebuilt"); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("what was guessed is still there: %v", err)
			}
			if _, err := l.Ledger.Open(orders(0)); err == nil {
				t.Error("the tree was opened")
			}
			records.altered = -1
			if _, err := l.Rebuild(t.Context(), orders(0), records); err != nil {
				t.Errorf("the record is as it was: %v", err)
			}
			checkGrows(t, l, none)
			l.end()
		})
	}
}

// With the hash of its tile, an altered record costs that tile only, and is named.
func TestAnAlteredRecordIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk, records := rebuildWorld(t)
		flipEntry(t, disk, treeEntries, 10*entryBytes+40)
		flipEntry(t, disk, treeEntries, 300*entryBytes+40)
		records.altered = 10
		l := start(t, disk)
		done, err := l.Rebuild(t.Context(), orders(0), records)
		if err != nil || proof.FormatRanges(done.Mended) != "300" || proof.FormatRanges(done.Unmended) != "10" || proof.FormatRanges(done.Unprovable) != "0-255" {
			t.Fatalf("%+v, %v", done, err)
		}
		if f, err := l.Prove(l.partition(0).origin, Opened{10, record(10)}); err == nil {
			t.Errorf("proven: %v", f)
		}
		checkGrows(t, l, func(o int64) bool { return o < 256 })
		l.end()
	})
}

// Entries of erased records stay where they are; one that is damaged is made of
// nothing, and costs its tile.
func TestEntriesOfErasedRecordsAreKept(t *testing.T) {
	erased := []proof.Range{{First: 20, Last: 29}, {First: 580, Last: 581}}
	isErased := func(o int64) bool { return o >= 20 && o <= 29 || o == 580 || o == 581 }
	for name, c := range map[string]struct {
		damage func(t *testing.T, d *vfs.Mem)
		want   string // mended, unmended, unprovable
		fails  string
	}{
		"beside them": {func(t *testing.T, d *vfs.Mem) {
			flipEntry(t, d, treeEntries, 40*entryBytes+40)
			flipEntry(t, d, treeEntries, 599*entryBytes+40)
		}, "40,599  ", ""},
		"an offset among them": {func(t *testing.T, d *vfs.Mem) {
			flipEntry(t, d, treeEntries, 22*entryBytes+10)
			flipEntry(t, d, treeEntries, 599*entryBytes+40)
		}, "599 22 0-255", ""},
		"a commitment among them": {func(t *testing.T, d *vfs.Mem) {
			flipEntry(t, d, treeEntries, 22*entryBytes+40)
			flipEntry(t, d, treeEntries, 599*entryBytes+40)
		}, "599 20-29 0-255", ""},
		"in the last tile": {func(t *testing.T, d *vfs.Mem) { flipEntry(t, d, treeEntries, 580*entryBytes+10) }, "", "does not fit is 580,"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				disk, records := rebuildWorld(t, erased...)
				c.damage(t, disk)
				l := start(t, disk)
				done, err := l.Rebuild(t.Context(), orders(0), records)
				if c.fails != "" {
					if !errors.Is(err, store.ErrUnrebuilt) || !strings.Contains(err.Error(), c.fails) {
						t.Errorf("%+v, %v", done, err)
					}
					l.end()
					return
				}
				got := proof.FormatRanges(done.Mended) + " " + proof.FormatRanges(done.Unmended) + " " + proof.FormatRanges(done.Unprovable)
				if err != nil || got != c.want {
					t.Fatalf("%q, %v, want %q", got, err, c.want)
				}
				checkGrows(t, l, func(o int64) bool { return isErased(o) || len(done.Unprovable) > 0 && o < 256 })
				l.end()
			})
		})
	}
}

// Offsets that never had a record are made again, too.
func TestLostOffsetsAreMadeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newDisk(t)
		l := start(t, disk)
		p := l.partition(0)
		add(t, p, 100)
		if _, err := p.Lost(300, proof.Removed); err != nil {
			t.Fatal(err)
		}
		add(t, p, 300)
		l.end()
		before := readAll(t, disk, treeEntries)
		truncate(t, disk, treeEntries, 0)
		records := &fakeLog{t: t, end: treeSize, altered: -1, gone: map[int64]bool{}}
		for o := int64(100); o < 300; o++ {
			records.gone[o] = true
		}
		again := start(t, disk)
		if done, err := again.Rebuild(t.Context(), orders(0), records); err != nil || done.Unmended != nil {
			t.Fatalf("%+v, %v", done, err)
		}
		if readAll(t, disk, treeEntries) != before {
			t.Error("the entries are not those from before")
		}
		again.end()
	})
}

func TestLostSaltsAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk, records := rebuildWorld(t, proof.Range{First: 550, Last: 560})
		truncate(t, disk, strings.Replace(treeEntries, "entries", "salts", 1), 500*16+8)
		l := start(t, disk)
		done, err := l.Rebuild(t.Context(), orders(0), records)
		if want := "501-549,561-599"; err != nil || !strings.HasSuffix(proof.FormatRanges(done.Saltless), want) {
			t.Errorf("%+v, %v, want %s", done, err, want)
		}
		l.end()
	})
}

// The power goes at each operation of a rebuild. It can be begun again, and the
// damaged file is somewhere as long as what replaces it is not durable.
func TestAPowerCutLetsARebuildBeginAgain(t *testing.T) {
	for _, cut := range vfstest.Cuts() {
		t.Run(cut.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				disk, records := rebuildWorld(t, proof.Range{First: 20, Last: 29})
				flipEntry(t, disk, treeEntries, 300*entryBytes+40)
				for n, over := 1, false; !over; n++ {
					over = cutRebuild(t, disk.Crash(vfs.KeepAll), records, cut, n)
					if over && n < 10 {
						t.Errorf("a rebuild has %d operations only", n-1)
					}
				}
			})
		})
	}
}

// cutRebuild cuts the power at operation n of a rebuild, and tells whether there is
// no such operation.
func cutRebuild(t *testing.T, disk *vfs.Mem, records *fakeLog, cut vfstest.Cut, n int) (over bool) {
	begun, cutting := 0, false
	hook := cut.Hook(n)
	faulty := vfs.NewFaulty(disk, func(op vfs.Op) error {
		if !cutting || !op.Kind.Mutates() {
			return nil
		}
		if begun == 0 {
			begun = op.N - 1
		}
		op.N -= begun
		return hook(op)
	})
	l := start(t, faulty)
	shown := string(l.Checkpoint())
	cutting = true
	_, err := l.Rebuild(t.Context(), orders(0), records)
	over = err == nil
	after := disk.Crash(cut.Keep(n))
	l.stop()
	<-l.done // its disk has no power
	again := start(t, after)
	checkExtends(t, n, shown, again.Ledger)
	if done, err := again.Rebuild(t.Context(), orders(0), records); err != nil || done.Unmended != nil {
		t.Fatalf("operation %d: %+v, %v", n, done, err)
	}
	again.proven(again.partition(0), 300)
	again.end()
	return over
}

// readAll is a file's content.
func readAll(t *testing.T, fsys vfs.FS, name string) string {
	t.Helper()
	f, err := fsys.Open(name, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, size)
	if _, err := f.ReadAt(b, 0); err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A file that is removed under a node that runs is missed, though proofs have it open.
func TestAFileThatGoesWhileItIsReadIsMadeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk, records := rebuildWorld(t)
		before := readAll(t, disk, treeEntries)
		l := start(t, disk)
		l.proven(l.partition(0), 5)
		if err := disk.Remove(treeEntries); err != nil {
			t.Fatal(err)
		}
		done, err := l.Rebuild(t.Context(), orders(0), records)
		if err != nil || proof.FormatRanges(done.Mended) != "0-599" || readAll(t, disk, treeEntries) != before {
			t.Errorf("%+v, %v", done, err)
		}
		checkGrows(t, l, none)
		l.end()
	})
}
