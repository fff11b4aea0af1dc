package ledger

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/proof"
)

// A saltFS counts reads of files of salts.
type saltFS struct {
	vfs.FS
	reads atomic.Int64
}

func (f *saltFS) Open(name string, mode vfs.Mode) (vfs.File, error) {
	file, err := f.FS.Open(name, mode)
	if err == nil && strings.HasSuffix(name, ".salts") {
		file = &saltFile{file, &f.reads}
	}
	return file, err
}

type saltFile struct {
	vfs.File
	reads *atomic.Int64
}

func (f *saltFile) ReadAt(b []byte, at int64) (int, error) {
	f.reads.Add(1)
	return f.File.ReadAt(b, at)
}

// What retention has erased is most of a tree that is some years old.
func TestTheLastKnownLeafIsFoundWithoutReadingWhatWasErased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &saltFS{FS: newDisk(t)}
		l := start(t, disk)
		p := l.partition(0)
		for range 20 {
			add(t, p, 500)
		}
		time.Sleep(2 * DefaultInterval)
		for _, c := range []struct {
			erased proof.Range
			want   int64
		}{
			{proof.Range{First: 9_990, Last: 9_999}, 9_989},
			{proof.Range{First: 700, Last: 9_999}, 699},
			{proof.Range{First: 0, Last: 9_999}, -1},
		} {
			if _, err := l.Erase(t.Context(), orders(0), []proof.Range{c.erased}, ByRetention); err != nil {
				t.Fatal(err)
			}
			before := disk.reads.Load()
			if got, err := p.LastKnown(10_000); got != c.want || err != nil {
				t.Errorf("with %v erased it is %d, %v, want %d", c.erased, got, err, c.want)
			}
			if n := disk.reads.Load() - before; n > 4 {
				t.Errorf("with %v erased salts were read %d times", c.erased, n)
			}
		}
		l.end()
	})
}
