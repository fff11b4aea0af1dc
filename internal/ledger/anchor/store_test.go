package anchor

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/internal/vfs/vfstest"
	"github.com/evidentlog/evident/proof"
)

const storeName = "/ledger/receipts"

func disk(t testing.TB) *vfs.Mem {
	t.Helper()
	fsys := vfs.NewMem()
	if err := errors.Join(fsys.MkdirAll("/ledger"), fsys.SyncDir("/")); err != nil {
		t.Fatal(err)
	}
	return fsys
}

func openStore(t testing.TB, fsys vfs.FS) *Store {
	t.Helper()
	s, err := OpenStore(fsys, storeName)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func root(size int64) proof.Checkpoint {
	return proof.Checkpoint{Origin: "example.com/events", Size: size, Root: proof.Hash{byte(size)}}
}

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func put(t testing.TB, s *Store, kind string, size int64, r Receipt) {
	t.Helper()
	if err := s.Put(kind, root(size), noon, r); err != nil {
		t.Fatal(err)
	}
}

func TestReceiptsAreFoundBySizeAgain(t *testing.T) {
	fsys := disk(t)
	s := openStore(t, fsys)
	put(t, s, "a", 10, Receipt{Pending, []byte("pending")})
	put(t, s, "a", 20, Receipt{Final, []byte("a20")})
	put(t, s, "b", 10, Receipt{Usable, []byte("b10")})
	put(t, s, "b", 30, Receipt{Lost, []byte("lost")})
	put(t, s, "a", 10, Receipt{Final, []byte("a10")})
	put(t, s, "a", 15, Receipt{Pending, []byte("pending")})
	for range 2 {
		for size, want := range map[int64]string{5: "[]", 10: "[{a [97 49 48]} {b [98 49 48]}]", 15: "[]", 20: "[{a [97 50 48]}]", 30: "[]"} {
			got, err := s.Of(size)
			if err != nil || fmt.Sprint(got) != want {
				t.Errorf("of size %d: %v, %v, want %s", size, got, err, want)
			}
		}
		for from, want := range map[int64]int64{0: 10, 10: 10, 11: 20, 20: 20, 21: 0} {
			if got, ok := s.First(from); got != want || ok != (want > 0) {
				t.Errorf("from %d on: %d, %v, want %d", from, got, ok, want)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = openStore(t, fsys)
	}
}

func TestAPowerCutTakesNoReceiptThatWasKept(t *testing.T) {
	for _, cut := range vfstest.Cuts() {
		for n := 1; ; n++ {
			mem := disk(t)
			kept := fill(vfs.NewFaulty(mem, cut.Hook(n)))
			after := mem.Crash(cut.Keep(n))
			s := openStore(t, after)
			for size := range int64(kept) {
				if got, err := s.Of(size + 1); err != nil || len(got) != 1 {
					t.Fatalf("%s at %d: of size %d: %v, %v", cut.Name, n, size+1, got, err)
				}
			}
			put(t, s, "a", 100, Receipt{Final, []byte("after")})
			if again := openStore(t, after); len(again.list("a")) < kept+1 {
				t.Fatalf("%s at %d: %v", cut.Name, n, again.list("a"))
			}
			if kept == fillCount {
				break
			}
		}
	}
}

const fillCount = 4

// fill keeps some receipts, and returns how many it was told are kept.
func fill(fsys vfs.FS) (kept int) {
	s, err := OpenStore(fsys, storeName)
	if err != nil {
		return 0
	}
	for size := range int64(fillCount) {
		if s.Put("a", root(size+1), noon, Receipt{Final, bytes.Repeat([]byte{7}, 3000)}) != nil {
			break
		}
		kept++
	}
	return kept
}

func TestAnAlteredByteOfTheFileIsFound(t *testing.T) {
	fsys := disk(t)
	s := openStore(t, fsys)
	put(t, s, "a", 1, Receipt{Final, []byte("one")})
	put(t, s, "a", 2, Receipt{Final, []byte("two")})
	last := s.mu.end - int64(frameHead+fixedBody+len("a")+len("two"))
	for at := range last {
		f, err := fsys.Open(storeName, vfs.Write)
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 1)
		_, _ = f.ReadAt(b, at)
		_, _ = f.WriteAt([]byte{b[0] ^ 1}, at)
		if _, err := OpenStore(fsys, storeName); !errors.Is(err, ErrCorrupt) {
			t.Errorf("byte %d: %v", at, err)
		}
		_, _ = f.WriteAt(b, at)
	}
}

func TestAFileOfALaterVersionIsRefused(t *testing.T) {
	fsys := disk(t)
	f, err := fsys.Open(storeName, vfs.Write|vfs.Create)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = f.WriteAt([]byte("evident receipts 2\n"), 0)
	if _, err := OpenStore(fsys, storeName); !errors.Is(err, ErrCorrupt) {
		t.Errorf("got %v", err)
	}
}

// A frame that is read is the one that was written, and nothing else is read.
func FuzzFrame(f *testing.F) {
	good := frame{"opentimestamps", 7, proof.Hash{1}, noon, Receipt{Usable, []byte("data")}}
	b, err := good.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b[frameHead:])
	f.Add(append([]byte{byte(Final), 254}, make([]byte, 1000)...)) // a long kind
	f.Fuzz(func(t *testing.T, body []byte) {
		read, err := decodeFrame(body)
		if err != nil {
			return
		}
		again, err := read.encode()
		if err != nil || !slices.Equal(again[frameHead:], body) {
			t.Errorf("%x was read and is written %x, %v", body, again, err)
		}
	})
}
