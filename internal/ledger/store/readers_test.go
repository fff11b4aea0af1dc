package store

import (
	"bytes"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/evidentlog/evident/internal/vfs"
)

// A countingFS counts files that are open, and how often one was opened.
type countingFS struct {
	vfs.FS
	open, opened atomic.Int64
}

func (c *countingFS) Open(name string, mode vfs.Mode) (vfs.File, error) {
	f, err := c.FS.Open(name, mode)
	if err != nil {
		return nil, err
	}
	c.open.Add(1)
	c.opened.Add(1)
	return &countedFile{File: f, fs: c}, nil
}

type countedFile struct {
	vfs.File
	fs *countingFS
}

func (f *countedFile) Close() error {
	f.fs.open.Add(-1)
	return f.File.Close()
}

// numbered has files 0 to n-1, each with its number.
func numbered(t *testing.T, n int) *countingFS {
	t.Helper()
	c := &countingFS{FS: vfs.NewMem()}
	for i := range n {
		if err := writeFile(c, fmt.Sprintf("/%d", i), fmt.Appendf(nil, "%4d", i)); err != nil {
			t.Fatal(err)
		}
	}
	c.opened.Store(0)
	return c
}

func (r *readers) mustRead(t *testing.T, i int) {
	t.Helper()
	b := make([]byte, 4)
	if _, err := r.readAt(fmt.Sprintf("/%d", i), b, 0); err != nil || !bytes.Equal(b, fmt.Appendf(nil, "%4d", i)) {
		t.Errorf("file %d reads %q: %v", i, b, err)
	}
}

func TestFilesStayOpenUpToANumber(t *testing.T) {
	fs := numbered(t, mostReaders+10)
	r := newReaders(fs)
	for i := range mostReaders + 10 {
		r.mustRead(t, 0)
		r.mustRead(t, i)
	}
	if open, opened := fs.open.Load(), fs.opened.Load(); open != mostReaders || opened != mostReaders+10 {
		t.Errorf("%d files are open and %d were opened, want %d and each of %d once", open, opened, mostReaders, mostReaders+10)
	}
	r.forget()
	if open := fs.open.Load(); open != 0 {
		t.Errorf("%d files are open after all were forgotten", open)
	}
	r.mustRead(t, 0)
	r.close()
	r.mustRead(t, 0)
	if open := fs.open.Load(); open != 0 {
		t.Errorf("%d files are open after the end", open)
	}
}

func TestAFileThatReadsBadlyIsOpenedAgain(t *testing.T) {
	fs := numbered(t, 1)
	r := newReaders(fs)
	if n, err := r.readAt("/0", make([]byte, 5), 0); n != 4 || err == nil {
		t.Errorf("5 bytes of 4 were read: %d, %v", n, err)
	}
	if open := fs.open.Load(); open != 0 {
		t.Errorf("%d files are open after one that read badly", open)
	}
	r.mustRead(t, 0)
}

func TestFilesAreNotClosedWhileTheyAreRead(t *testing.T) {
	const files = 2 * mostReaders
	fs := numbered(t, files)
	r := newReaders(fs)
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			for i := range 3 * files {
				r.mustRead(t, (i*(worker+1))%files)
				if i%files == worker {
					r.forget()
				}
			}
		})
	}
	all.Wait()
	if open := fs.open.Load(); open > mostReaders {
		t.Errorf("%d files are open, more than %d", open, mostReaders)
	}
	r.close()
	if open := fs.open.Load(); open != 0 {
		t.Errorf("%d files are open after the end", open)
	}
}

// Open, Reopen and Close leave no file open behind them.
func TestAStoreClosesWhatItReads(t *testing.T) {
	fs := &countingFS{FS: newDisk(t)}
	w := newWorld(t, fs, 0)
	for life := range 2 {
		if err := w.open(); err != nil {
			t.Fatal(err)
		}
		if life == 0 {
			w.create(1)
		}
		for range 3 {
			if err := w.round(growth{1, 300, false}); err != nil {
				t.Fatal(err)
			}
			w.check()
			if err := w.Reopen(); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if open := fs.open.Load(); open != 0 {
			t.Errorf("%d files are open", open)
		}
	}
}
