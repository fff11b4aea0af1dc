package vfstest

import (
	"bytes"
	"io"
	"io/fs"
	"strings"
	"sync"

	"github.com/evidentlog/evident/internal/vfs"
)

func writtenBytesReadBack(x fixture) {
	f := x.file("f", "hello")
	x.wantContents(f, "hello")
	x.write(f, "j", 0)
	x.write(f, " world", 5)
	x.wantContents(f, "jello world")

	long := strings.Repeat("0123456789", 10_000) // spans blocks, aligned to none
	x.write(f, long, 4_090)
	got := make([]byte, len(long))
	if _, err := f.ReadAt(got, 4_090); err != nil || string(got) != long {
		x.Errorf("a long write does not read back: error %v", err)
	}
	x.must(f.Sync())
	x.wantContents(x.open("f", 0), x.contents(f))
}

func unwrittenBytesAreZero(x fixture) {
	f := x.file("f", "a")
	x.write(f, "z", 10_000)
	x.wantContents(f, "a"+strings.Repeat("\x00", 9_999)+"z")
}

func readsEndWithEOF(x fixture) {
	f := x.file("f", "hello")
	p := make([]byte, 10)
	if n, err := f.ReadAt(p, 2); n != 3 || err != io.EOF {
		x.Errorf("a read over the end is %d, %v, want 3, EOF", n, err)
	}
	if n, err := f.ReadAt(p, 5); n != 0 || err != io.EOF {
		x.Errorf("a read at the end is %d, %v, want 0, EOF", n, err)
	}
	if n, err := f.ReadAt(p, 50_000); n != 0 || err != io.EOF {
		x.Errorf("a read far beyond the end is %d, %v, want 0, EOF", n, err)
	}
	if n, err := f.ReadAt(p[:5], 0); n != 5 || err != nil {
		x.Errorf("a read up to the end is %d, %v, want 5, nil", n, err)
	}
	if n, err := f.ReadAt(nil, 5); n != 0 || err != nil {
		x.Errorf("a read of nothing is %d, %v, want 0, nil", n, err)
	}
}

func truncateCutsAndExtends(x fixture) {
	f := x.file("f", strings.Repeat("x", 9_000))
	x.must(f.Truncate(3))
	x.wantContents(f, "xxx")
	x.must(f.Truncate(9_000))
	x.wantContents(f, "xxx"+strings.Repeat("\x00", 8_997))
	x.must(f.Truncate(0))
	x.wantContents(f, "")
	x.write(f, "y", 4)
	x.wantContents(f, "\x00\x00\x00\x00y")
}

func readOnlyRefusesChanges(x fixture) {
	x.file("f", "hello")
	f := x.open("f", 0)
	_, err := f.WriteAt([]byte("x"), 0)
	x.wantAnyErr(err)
	x.wantAnyErr(f.Truncate(0))
	x.wantContents(f, "hello")
}

func closedRefusesAll(x fixture) {
	f := x.file("f", "hello")
	x.must(f.Close())
	_, err := f.ReadAt(make([]byte, 1), 0)
	x.wantErr(err, fs.ErrClosed)
	_, err = f.WriteAt(make([]byte, 1), 0)
	x.wantErr(err, fs.ErrClosed)
	_, err = f.Size()
	x.wantErr(err, fs.ErrClosed)
	x.wantErr(f.Sync(), fs.ErrClosed)
	x.wantErr(f.Truncate(0), fs.ErrClosed)
	x.wantErr(f.Close(), fs.ErrClosed)
}

func negativesRefused(x fixture) {
	f := x.file("f", "hello")
	_, err := f.ReadAt(make([]byte, 1), -1)
	x.wantAnyErr(err)
	_, err = f.WriteAt(make([]byte, 1), -1)
	x.wantAnyErr(err)
	x.wantAnyErr(f.Truncate(-1))
	x.wantContents(f, "hello")
}

func handlesShareBytes(x fixture) {
	a, b := x.file("f", "hello"), x.open("f", vfs.Write)
	x.write(b, "HE", 0)
	x.wantContents(a, "HEllo")
	x.must(a.Close())
	x.wantContents(b, "HEllo")
	if name := b.Name(); name != x.path("f") {
		x.Errorf("Name is %q, want %q", name, x.path("f"))
	}
}

// readsBesideAppends matters under the race detector.
func readsBesideAppends(x fixture) {
	const chunk, chunks = 1_000, 64
	f := x.open("f", vfs.Create)
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			p := make([]byte, chunk)
			for i := 0; i < chunks; {
				n, err := f.ReadAt(p, int64(i)*chunk)
				if n < chunk {
					continue // not yet written
				}
				if want := bytes.Repeat([]byte{byte(i)}, chunk); err != nil || !bytes.Equal(p, want) {
					x.Errorf("chunk %d reads wrong, error %v", i, err)
					return
				}
				i++
			}
		})
	}
	for i := range chunks {
		if _, err := f.WriteAt(bytes.Repeat([]byte{byte(i)}, chunk), int64(i)*chunk); err != nil {
			x.Error(err)
			break
		}
	}
	x.must(f.Sync())
	readers.Wait()
}

func directTransfers(x fixture) {
	f := x.open("f", vfs.Create|vfs.Direct)
	want := vfs.AlignedBuffer(3 * vfs.BlockSize)
	for i := range want {
		want[i] = byte(i / 100)
	}
	if _, err := f.WriteAt(want, vfs.BlockSize); err != nil {
		x.Fatal(err)
	}
	x.must(f.Sync())
	got := vfs.AlignedBuffer(len(want))
	if _, err := f.ReadAt(got, vfs.BlockSize); err != nil || !bytes.Equal(got, want) {
		x.Errorf("blocks do not read back: error %v", err)
	}
	if n, err := f.ReadAt(got, 3*vfs.BlockSize); n != vfs.BlockSize || err != io.EOF {
		x.Errorf("a read over the end is %d, %v, want one block and EOF", n, err)
	}
	x.wantContents(x.open("f", 0), strings.Repeat("\x00", vfs.BlockSize)+string(want))
}
