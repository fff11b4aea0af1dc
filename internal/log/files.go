package log

import (
	"container/list"
	"context"
	"errors"
	"sync"

	"github.com/evidentlog/evident/internal/vfs"
)

// defaultOpenFiles bounds the segment files held open at once. Ten thousand
// partitions would otherwise need more descriptors than a process may have.
const defaultOpenFiles = 4096

// fileCache keeps segment files open, least recently used out first. A file in
// use is never closed under its user.
type fileCache struct {
	fs    vfs.FS
	limit int
	mu    struct {
		sync.Mutex
		files map[fileKey]*cachedFile
		lru   *list.List // of *cachedFile; front is the most recently used
	}
}

type fileKey struct {
	owner  *owner
	name   string
	direct bool
}

// owner is the segment that a file belongs to. Where compaction, or a topic of
// the same name, puts another file in a file's place, that has another owner: so
// nobody gets a file that is not the one he means.
type owner struct {
	// Guarded by fileCache.mu.
	gone  bool          // its names may be others' now
	users int           // of its files
	idle  chan struct{} // closed when it has none any more; nil if nobody waits for that
}

// errReplaced says that a segment was removed, or replaced by another, while it
// was being read.
var errReplaced = errors.New("the segment was removed or replaced during the read")

// cachedFile is an open file with the number of its users. The file is closed
// when it is out of the cache and the last user has released it.
type cachedFile struct {
	vfs.File
	cache *fileCache
	key   fileKey
	// guarded by cache.mu
	users   int
	dropped bool
	elem    *list.Element
}

func newFileCache(fs vfs.FS, limit int) *fileCache {
	c := &fileCache{fs: fs, limit: limit}
	c.mu.files = make(map[fileKey]*cachedFile)
	c.mu.lru = list.New()
	return c
}

// open returns the file, which exists, for reading; with direct for writing and
// reading around the operating system's cache. The caller releases it. If the
// owner is gone the error is errReplaced.
func (c *fileCache) open(o *owner, name string, direct bool) (*cachedFile, error) {
	mode := vfs.Mode(0)
	if direct {
		mode = vfs.Write | vfs.Direct
	}
	return c.openAs(o, name, name, mode)
}

// create is open for writing, of a file that may not exist yet.
func (c *fileCache) create(o *owner, name string) (*cachedFile, error) {
	return c.openAs(o, name, name, vfs.Write|vfs.Create|vfs.Direct)
}

// openAs opens the file at path, which is known as name from now on.
func (c *fileCache) openAs(o *owner, name, path string, mode vfs.Mode) (*cachedFile, error) {
	key := fileKey{o, name, mode&vfs.Direct != 0}
	if f, err := c.lookup(key); f != nil || err != nil {
		return f, err
	}
	file, err := c.fs.Open(path, mode)
	if err != nil {
		if f, gone := c.lookup(key); f != nil || gone != nil {
			return f, gone // meanwhile
		}
		return nil, err
	}
	return c.insert(key, file)
}

func (c *fileCache) lookup(key fileKey) (*cachedFile, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if key.owner.gone {
		return nil, errReplaced
	}
	f := c.mu.files[key]
	if f != nil {
		f.users++
		key.owner.users++
		c.mu.lru.MoveToFront(f.elem)
	}
	return f, nil
}

func (c *fileCache) insert(key fileKey, file vfs.File) (*cachedFile, error) {
	c.mu.Lock()
	f := c.mu.files[key]
	if f != nil || key.owner.gone { // somebody was quicker
		gone := key.owner.gone
		if !gone {
			f.users++
			key.owner.users++
		}
		c.mu.Unlock()
		_ = file.Close() // opened a moment ago and never used
		if gone {
			return nil, errReplaced
		}
		return f, nil
	}
	f = &cachedFile{File: file, cache: c, key: key, users: 1}
	key.owner.users++
	f.elem = c.mu.lru.PushFront(f)
	c.mu.files[key] = f
	victims := c.evict()
	c.mu.Unlock()
	_ = closeAll(victims) // nobody used them
	return f, nil
}

// evict takes unused files out of the cache until it fits and returns them for
// closing. The cache's lock is held.
func (c *fileCache) evict() []vfs.File {
	var out []vfs.File
	for e := c.mu.lru.Back(); e != nil && len(c.mu.files) > c.limit; {
		f := e.Value.(*cachedFile)
		e = e.Prev()
		if f.users == 0 {
			c.remove(f)
			out = append(out, f.File)
		}
	}
	return out
}

func (c *fileCache) remove(f *cachedFile) {
	delete(c.mu.files, f.key)
	c.mu.lru.Remove(f.elem)
	f.dropped = true
}

func (f *cachedFile) release() {
	c := f.cache
	c.mu.Lock()
	f.users--
	f.key.owner.leave()
	last := f.users == 0 && f.dropped
	c.mu.Unlock()
	if last {
		_ = f.File.Close() // all that had to be durable was synced
	}
}

// leave takes note that a user has gone. The cache's lock is held.
func (o *owner) leave() {
	if o.users--; o.users == 0 && o.idle != nil {
		close(o.idle)
		o.idle = nil
	}
}

// isIdle tells whether nobody uses the files of an owner that is gone.
func (c *fileCache) isIdle(o *owner) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return o.users == 0
}

// awaitIdle waits until nobody uses the files of an owner that is gone. Nobody
// begins to, then.
func (c *fileCache) awaitIdle(ctx context.Context, o *owner) error {
	c.mu.Lock()
	if o.users == 0 {
		c.mu.Unlock()
		return nil
	}
	if o.idle == nil {
		o.idle = make(chan struct{})
	}
	idle := o.idle
	c.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// drop takes files out of the cache under both modes, so that the next open
// gets fresh ones: after an error on them.
func (c *fileCache) drop(o *owner, names ...string) {
	c.mu.Lock()
	out := c.dropLocked(o, names)
	c.mu.Unlock()
	_ = closeAll(out) // all that had to be durable was synced
}

// retire is drop for good, before the files are removed or replaced. Those that
// are in use stay open for their users.
func (c *fileCache) retire(o *owner, names ...string) {
	c.mu.Lock()
	o.gone = true
	out := c.dropLocked(o, names)
	c.mu.Unlock()
	_ = closeAll(out) // all that had to be durable was synced
}

// dropLocked returns the files that have to be closed. The cache's lock is held.
func (c *fileCache) dropLocked(o *owner, names []string) []vfs.File {
	var out []vfs.File
	for _, name := range names {
		for _, direct := range []bool{false, true} {
			f := c.mu.files[fileKey{o, name, direct}]
			if f == nil {
				continue
			}
			c.remove(f)
			if f.users == 0 {
				out = append(out, f.File)
			}
		}
	}
	return out
}

func (c *fileCache) close() error {
	c.mu.Lock()
	var out []vfs.File
	for _, f := range c.mu.files {
		c.remove(f)
		if f.users == 0 {
			out = append(out, f.File)
		}
	}
	c.mu.Unlock()
	return closeAll(out)
}

func closeAll(files []vfs.File) error {
	var errs []error
	for _, f := range files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}
