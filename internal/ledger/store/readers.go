package store

import (
	"sync"

	"github.com/evidentlog/evident/internal/vfs"
)

// mostReaders is how many files stay open for reading. A proof reads some fifteen:
// those of eight trees stay open.
const mostReaders = 128

// readers keep files open that were read, least recently used ones the shortest:
// to open them is a quarter of what a proof costs. Files of the store are written
// in place and not removed, so an open one is always that of its name; whoever puts
// another in its place makes the readers forget.
type readers struct {
	fs vfs.FS

	mu struct {
		sync.Mutex
		kept   map[string]*reader
		clock  uint64 // counts uses
		forgot uint64 // counts calls of forget
		closed bool   // nothing is kept any more
	}
}

// A reader is a file that is open. It is closed when it is neither kept nor used.
type reader struct {
	vfs.File
	users int
	used  uint64 // when, by the clock
	kept  bool
}

func newReaders(fsys vfs.FS) *readers {
	r := &readers{fs: fsys}
	r.mu.kept = map[string]*reader{}
	return r
}

// readAt fills b from a file. What it read is n bytes, as with io.ReaderAt.
func (r *readers) readAt(name string, b []byte, at int64) (n int, err error) {
	f, err := r.acquire(name)
	if err != nil {
		return 0, err
	}
	n, err = f.ReadAt(b, at)
	r.release(f, n == len(b))
	return n, err
}

// acquire returns an open file, which the caller releases.
func (r *readers) acquire(name string) (*reader, error) {
	f, forgot := r.find(name)
	if f != nil {
		return f, nil
	}
	file, err := r.fs.Open(name, 0)
	if err != nil {
		return nil, err
	}
	return r.add(name, &reader{File: file}, forgot), nil
}

// find returns a file that is kept, nil if it is not, and how often all were
// forgotten.
func (r *readers) find(name string) (f *reader, forgot uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f = r.mu.kept[name]
	if f != nil {
		r.use(f)
	}
	return f, r.mu.forgot
}

// add keeps a file, unless another was faster, or all were forgotten since it was
// looked for: it may be one that was replaced.
func (r *readers) add(name string, f *reader, forgot uint64) *reader {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.use(f)
	if r.mu.closed || r.mu.kept[name] != nil || r.mu.forgot != forgot {
		return f // closed by its release
	}
	if len(r.mu.kept) == mostReaders {
		r.drop(r.oldest())
	}
	r.mu.kept[name], f.kept = f, true
	return f
}

func (r *readers) use(f *reader) {
	r.mu.clock++
	f.used = r.mu.clock
	f.users++
}

func (r *readers) oldest() *reader {
	var oldest *reader
	for _, f := range r.mu.kept {
		if oldest == nil || f.used < oldest.used {
			oldest = f
		}
	}
	return oldest
}

// release ends a use. A file that could not be read well is opened again next time.
func (r *readers) release(f *reader, well bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f.users--
	if !well || !f.kept {
		r.drop(f)
	}
}

// drop keeps a file no more. The last who uses it closes it.
func (r *readers) drop(f *reader) {
	if f.kept {
		delete(r.mu.kept, f.Name())
		f.kept = false
	}
	if f.users == 0 {
		_ = f.Close() // nothing was written through it
	}
}

// forget closes all files that are kept: others may be there under their names.
func (r *readers) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mu.forgot++
	for _, f := range r.mu.kept {
		r.drop(f)
	}
}

// close forgets all files, and keeps none from then on.
func (r *readers) close() {
	r.mu.Lock()
	r.mu.closed = true
	r.mu.Unlock()
	r.forget()
}
