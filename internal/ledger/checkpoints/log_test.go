package checkpoints

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/mldsa"
	"golang.org/x/mod/sumdb/note"

	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/internal/vfs/vfstest"
	"github.com/evidentlog/evident/proof"
)

const (
	testOrigin = "example.com/events"
	testDir    = "/data/checkpoints"
)

func now() time.Time { return time.Unix(1_700_000_000, 0) }

func ed25519Key(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
}

// A signing log and its witnesses.
type world struct {
	t         *testing.T
	log       []*proof.Signer
	witnesses []*proof.Signer
	lines     map[int64][]string // that each size was signed with, and cosigned
}

func newWorld(t *testing.T) *world {
	t.Helper()
	pq, err1 := mldsa.NewPrivateKey(mldsa.MLDSA44(), bytes.Repeat([]byte{2}, 32))
	one, err2 := proof.NewEd25519Signer(testOrigin, ed25519Key(1))
	two, err3 := proof.NewMLDSA44Signer(testOrigin, pq, now)
	w1, err4 := proof.NewEd25519Cosigner("witness.example/w1", ed25519Key(3), now)
	w2, err5 := proof.NewMLDSA44Signer("witness.example/w2", pq, now)
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		t.Fatal(err)
	}
	return &world{t, []*proof.Signer{one, two}, []*proof.Signer{w1, w2}, map[int64][]string{}}
}

func (w *world) keys() (list []*proof.Verifier) {
	for _, s := range w.log {
		list = append(list, s.Verifier)
	}
	return list
}

func (w *world) open(fsys vfs.FS) (*Log, error) {
	return Open(Config{FS: fsys, Dir: testDir, Origin: testOrigin, Keys: w.keys()})
}

func (w *world) mustOpen(fsys vfs.FS) *Log {
	w.t.Helper()
	l, err := w.open(fsys)
	if err != nil {
		w.t.Fatal(err)
	}
	return l
}

// checkpoint is what the log has at a size.
func checkpoint(size int64) proof.Checkpoint {
	return proof.Checkpoint{Origin: testOrigin, Size: size, Root: proof.Hash{byte(size), byte(size >> 8), 7}}
}

// signed is a checkpoint signed by the log.
func (w *world) signed(c proof.Checkpoint) []byte {
	w.t.Helper()
	b, err := note.Sign(&note.Note{Text: c.String()}, w.log[0], w.log[1])
	if err != nil {
		w.t.Fatal(err)
	}
	w.lines[c.Size] = linesOf(b)
	return b
}

func (w *world) cosign(l *Log, size int64, witness *proof.Signer) error {
	c := checkpoint(size)
	sig, err := witness.Sign([]byte(c.String()))
	if err != nil {
		w.t.Fatal(err)
	}
	if err := l.Cosign(c, witness.Verifier, sig); err != nil {
		return err
	}
	w.lines[size] = append(w.lines[size], line(witness.Verifier, sig))
	return nil
}

func linesOf(b []byte) []string { return slices.Collect(strings.Lines(string(b))) }

func newDisk(t *testing.T) *vfs.Mem {
	t.Helper()
	mem := vfs.NewMem()
	if err := errors.Join(mem.MkdirAll("/data"), mem.SyncDir("/")); err != nil {
		t.Fatal(err)
	}
	return mem
}

func TestWhatIsKeptIsReadAsItWasSigned(t *testing.T) {
	w, disk := newWorld(t), newDisk(t)
	l := w.mustOpen(disk)
	if _, err := l.Newest(); !errors.Is(err, ErrNotKept) {
		t.Errorf("of an empty log: %v", err)
	}
	for size := int64(0); size < 50; size += 5 {
		if err := l.Keep(w.signed(checkpoint(size))); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.cosign(l, 10, w.witnesses[0]), w.cosign(l, 30, w.witnesses[1]), w.cosign(l, 30, w.witnesses[0])); err != nil {
		t.Fatal(err)
	}
	cosigned := map[int64]int{10: 1, 30: 2}
	for range 2 { // the second time from disk
		for size := int64(0); size < 50; size += 5 {
			k, err := l.At(size)
			if err != nil || len(k.Cosigned) != cosigned[size] || k.Checkpoint != checkpoint(size) {
				t.Fatalf("size %d: %+v, cosigned %d times, %v", size, k.Checkpoint, len(k.Cosigned), err)
			}
			if !sameLines(string(k.Note), strings.Join(w.lines[size], "")) {
				t.Errorf("size %d is not as it was signed and cosigned", size)
			}
			if _, err := l.At(size + 1); !errors.Is(err, ErrNotKept) {
				t.Errorf("size %d: %v", size+1, err)
			}
		}
		if k, err := l.Newest(); err != nil || k.Size != 45 {
			t.Errorf("newest is %+v, %v", k.Checkpoint, err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		l = w.mustOpen(disk)
	}
}

// sameLines compares notes in whatever order witnesses are.
func sameLines(a, b string) bool {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	slices.Sort(x[4:])
	slices.Sort(y[4:])
	return slices.Equal(x, y)
}

func TestPagesFollowOneAnother(t *testing.T) {
	w := newWorld(t)
	l := w.mustOpen(newDisk(t))
	for size := int64(1); size <= 20; size++ {
		if err := l.Keep(w.signed(checkpoint(3 * size))); err != nil {
			t.Fatal(err)
		}
		if size%2 == 0 {
			if err := w.cosign(l, 3*size, w.witnesses[0]); err != nil {
				t.Fatal(err)
			}
		}
	}
	var got []string
	for from := int64(0); ; {
		page, err := l.From(from, 7)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, k := range page {
			got = append(got, fmt.Sprintf("%d:%d", k.Size, len(k.Cosigned)))
			from = k.Size + 1
		}
	}
	want := "[3:0 6:1 9:0 12:1 15:0 18:1 21:0 24:1 27:0 30:1 33:0 36:1 39:0 42:1 45:0 48:1 51:0 54:1 57:0 60:1]"
	if fmt.Sprint(got) != want {
		t.Errorf("pages have %v, want %v", got, want)
	}
	cosigned := func(k Kept) bool { return len(k.Cosigned) > 0 && k.Size < 50 }
	if k, err := l.NewestWhere(10, 20, cosigned); err != nil || k.Size != 48 {
		t.Errorf("%+v, %v", k.Checkpoint, err)
	}
	for _, at := range []struct{ atLeast, most int64 }{{49, 20}, {10, 4}} {
		if k, err := l.NewestWhere(at.atLeast, at.most, cosigned); !errors.Is(err, ErrNotKept) {
			t.Errorf("%+v: %+v, %v", at, k.Checkpoint, err)
		}
	}
}

func TestNoOtherHistoryIsKept(t *testing.T) {
	w := newWorld(t)
	l := w.mustOpen(newDisk(t))
	for _, size := range []int64{10, 20} {
		if err := l.Keep(w.signed(checkpoint(size))); err != nil {
			t.Fatal(err)
		}
	}
	other := proof.Checkpoint{Origin: testOrigin, Size: 10, Root: proof.Hash{9}}
	if err := l.Keep(w.signed(checkpoint(10))); err != nil {
		t.Errorf("once more: %v", err)
	}
	if err := l.Keep(w.signed(other)); !errors.Is(err, ErrFork) {
		t.Errorf("another root hash: %v", err)
	}
	if err := l.Keep(w.signed(checkpoint(15))); !errors.Is(err, ErrTooLate) {
		t.Errorf("between: %v", err)
	}
	witness := w.witnesses[0]
	if err := w.cosign(l, 15, witness); !errors.Is(err, ErrNotKept) {
		t.Errorf("cosigned without being kept: %v", err)
	}
	sig, _ := witness.Sign([]byte(other.String()))
	if err := l.Cosign(other, witness.Verifier, sig); !errors.Is(err, ErrFork) {
		t.Errorf("a cosignature of another root hash: %v", err)
	}
	if err := l.Cosign(checkpoint(10), witness.Verifier, sig); err == nil {
		t.Error("a wrong cosignature is kept")
	}
	if err := errors.Join(w.cosign(l, 20, witness), w.cosign(l, 10, witness), w.cosign(l, 20, witness)); err != nil {
		t.Error(err)
	}
	if k, err := l.At(10); err != nil || len(k.Cosigned) != 0 {
		t.Errorf("%+v, %v", k, err)
	}
	alone, err := note.Sign(&note.Note{Text: checkpoint(30).String()}, w.log[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Keep(alone); err == nil || !strings.Contains(err.Error(), "ML-DSA-44") {
		t.Errorf("signed by one key of two: %v", err)
	}
}

func TestFilesOfOthersAreRefused(t *testing.T) {
	w, disk := newWorld(t), newDisk(t)
	if err := w.mustOpen(disk).Close(); err != nil {
		t.Fatal(err)
	}
	refused := func(cfg Config, words string) {
		t.Helper()
		cfg.FS, cfg.Dir = disk, testDir
		if _, err := Open(cfg); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%v, want %q", err, words)
		}
	}
	refused(Config{Origin: "example.com/other", Keys: w.keys()}, "of the log")
	refused(Config{Origin: testOrigin, Keys: w.keys()[:1]}, "other keys")
	overwrite(t, disk, testDir+"/"+keptFile, 0, []byte("evident signatures 2"))
	refused(Config{Origin: testOrigin, Keys: w.keys()}, "a newer version?")
}

func overwrite(t *testing.T, fsys vfs.FS, name string, at int64, b []byte) {
	t.Helper()
	f, err := fsys.Open(name, vfs.Write)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt(b, at)
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// The first of a file's slots; the size of one.
func slotOf(l *Log) (first, size int64) { return l.kept.position(0), l.kept.size }

func TestATornEndIsCutOffAndDamageReported(t *testing.T) {
	w := newWorld(t)
	name := testDir + "/" + keptFile
	kept := func() (disk *vfs.Mem, first, size int64) {
		disk = newDisk(t)
		l := w.mustOpen(disk)
		for size := int64(1); size <= 3; size++ {
			if err := l.Keep(w.signed(checkpoint(size))); err != nil {
				t.Fatal(err)
			}
		}
		first, size = slotOf(l)
		return disk, first, size
	}
	disk, first, size := kept()
	zeros := make([]byte, size-1000)
	overwrite(t, disk, name, first+2*size+1000, zeros) // of the last, all but its beginning
	l := w.mustOpen(disk)
	if l.Size() != 2 || l.Damage() != nil {
		t.Errorf("the newest has size %d, want 2; %v", l.Size(), l.Damage())
	}
	if err := l.Keep(w.signed(checkpoint(5))); err != nil || l.Size() != 5 {
		t.Errorf("%d, %v", l.Size(), err)
	}

	disk, first, size = kept()
	overwrite(t, disk, name, first+3*size, []byte("begun")) // behind the last
	if l = w.mustOpen(disk); l.Size() != 3 {
		t.Errorf("the newest has size %d, want 3", l.Size())
	}

	disk, first, size = kept()
	overwrite(t, disk, name, first+2*size-10, []byte("bad")) // the second
	l = w.mustOpen(disk)
	if _, err := l.From(0, 10); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a damaged checkpoint is read: %v", err)
	}
	if err := l.Scrub(t.Context(), 0); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "checkpoint 1, at byte") {
		t.Errorf("nobody who reads all finds it: %v", err)
	}
	overwrite(t, disk, name, first+3*size-10, []byte("bad")) // and the last
	if _, err := w.open(disk); !errors.Is(err, ErrCorrupt) {
		t.Errorf("two damaged ones are no torn end: %v", err)
	}

	disk, _, _ = kept()
	overwrite(t, disk, name, 30, []byte("bad")) // the header
	if _, err := w.open(disk); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a damaged header: %v", err)
	}
}

// Whatever operation the power fails at, what was acknowledged is there.
func TestAPowerCutTakesNothingBackThatWasKept(t *testing.T) {
	w := newWorld(t)
	whole := vfs.NewFaulty(newDisk(t), func(vfs.Op) error { return nil })
	if _, _, err := w.workload(whole); err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= whole.Mutations(); n++ {
		for _, cut := range vfstest.Cuts() {
			mem := newDisk(t)
			kept, cosigned, err := w.workload(vfs.NewFaulty(mem, cut.Hook(n)))
			if err != nil && !errors.Is(err, vfs.ErrCrashed) {
				t.Fatal(err)
			}
			after, err := w.open(mem.Crash(cut.Keep(n)))
			if err != nil {
				t.Fatalf("%s at %d: %v", cut.Name, n, err)
			}
			for size := int64(1); size <= kept; size++ {
				k, err := after.At(size)
				if err != nil || size <= cosigned && len(k.Cosigned) != 2 {
					t.Errorf("%s at %d: size %d, cosigned %d times: %v", cut.Name, n, size, len(k.Cosigned), err)
				}
			}
			if after.Size() > kept+1 {
				t.Errorf("%s at %d: size %d is kept, and the last to be written was %d", cut.Name, n, after.Size(), kept+1)
			}
			if err := errors.Join(after.Keep(w.signed(checkpoint(after.Size()+1))), after.Close()); err != nil {
				t.Errorf("%s at %d: it does not go on: %v", cut.Name, n, err)
			}
		}
	}
}

// workload keeps and cosigns sizes from 1 on until the end or a crash, and
// returns up to which it did.
func (w *world) workload(fsys vfs.FS) (kept, cosigned int64, err error) {
	l, err := w.open(fsys)
	if err != nil {
		return 0, 0, err
	}
	for size := int64(1); size <= 3; size++ {
		if err := l.Keep(w.signed(checkpoint(size))); err != nil {
			return kept, cosigned, err
		}
		kept = size
		for _, witness := range w.witnesses {
			if err := w.cosign(l, size, witness); err != nil {
				return kept, cosigned, err
			}
		}
		cosigned = size
	}
	return kept, cosigned, l.Close()
}

// After a write or a sync that failed, nobody knows what is on disk: it is cut off
// before anything more is kept.
func TestAFailureLeavesNothingBehind(t *testing.T) {
	w := newWorld(t)
	fail := false
	disk := vfs.NewFaulty(newDisk(t), func(op vfs.Op) error {
		if fail {
			return errors.New("disk on fire")
		}
		return nil
	})
	l := w.mustOpen(disk)
	if err := l.Keep(w.signed(checkpoint(1))); err != nil {
		t.Fatal(err)
	}
	fail = true
	if err := l.Keep(w.signed(checkpoint(2))); err == nil {
		t.Error("kept on a disk that fails")
	}
	fail = false
	if l.Size() != 1 {
		t.Errorf("size %d after a failure, want 1", l.Size())
	}
	if err := l.Keep(w.signed(checkpoint(3))); err != nil || l.Size() != 3 {
		t.Errorf("%v, size %d", err, l.Size())
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = w.mustOpen(disk)
	if _, err := l.At(2); !errors.Is(err, ErrNotKept) || l.Size() != 3 {
		t.Errorf("opened again: %v, size %d", err, l.Size())
	}
}

// Invariants: nothing panics; a header that is read is written the same.
func FuzzDecodeHeader(f *testing.F) {
	key, err := proof.NewEd25519Signer(testOrigin, ed25519Key(1))
	if err != nil {
		f.Fatal(err)
	}
	b, err := (&header{testOrigin, []*proof.Verifier{key.Verifier}}).encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b[:headerText])
	f.Fuzz(func(t *testing.T, text []byte) {
		b := append(text, make([]byte, headerText)...)[:headerText]
		b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
		h, err := decodeHeader(b)
		if err != nil {
			return
		}
		again, err := h.encode()
		if err != nil || !bytes.Equal(again, b) {
			t.Errorf("%q is written %q, %v", b, again, err)
		}
	})
}
