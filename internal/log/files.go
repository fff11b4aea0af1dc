package log

import (
	"container/list"
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
	name   string
	direct bool
}

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

// open returns the file for reading, or with direct for writing and reading
// around the operating system's cache. The caller releases it.
func (c *fileCache) open(name string, direct bool) (*cachedFile, error) {
	key := fileKey{name, direct}
	if f := c.lookup(key); f != nil {
		return f, nil
	}
	mode := vfs.Mode(0)
	if direct {
		mode = vfs.Write | vfs.Create | vfs.Direct
	}
	file, err := c.fs.Open(name, mode)
	if err != nil {
		return nil, err
	}
	return c.insert(key, file), nil
}

func (c *fileCache) lookup(key fileKey) *cachedFile {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.mu.files[key]
	if f != nil {
		f.users++
		c.mu.lru.MoveToFront(f.elem)
	}
	return f
}

func (c *fileCache) insert(key fileKey, file vfs.File) *cachedFile {
	c.mu.Lock()
	if f := c.mu.files[key]; f != nil { // somebody was quicker
		f.users++
		c.mu.Unlock()
		_ = file.Close() // opened a moment ago and never used
		return f
	}
	f := &cachedFile{File: file, cache: c, key: key, users: 1}
	f.elem = c.mu.lru.PushFront(f)
	c.mu.files[key] = f
	victims := c.evict()
	c.mu.Unlock()
	closeAll(victims)
	return f
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
	last := f.users == 0 && f.dropped
	c.mu.Unlock()
	if last {
		_ = f.File.Close() // all that had to be durable was synced
	}
}

// drop takes the file out of the cache under both modes, so that the next open
// gets a fresh one: before it is removed, and after an error on it.
func (c *fileCache) drop(name string) {
	var out []vfs.File
	c.mu.Lock()
	for _, direct := range []bool{false, true} {
		f := c.mu.files[fileKey{name, direct}]
		if f == nil {
			continue
		}
		c.remove(f)
		if f.users == 0 {
			out = append(out, f.File)
		}
	}
	c.mu.Unlock()
	closeAll(out)
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
