package log

import (
	"sync"
	"time"
)

// tailCache decides how long chunks stay in memory after their bytes are in
// the file: until others need the space, or nobody has appended for a while.
type tailCache struct {
	limit int // bytes
	mu    struct {
		sync.Mutex
		entries []cacheEntry // oldest first
		bytes   int
	}
}

type cacheEntry struct {
	p     *Partition
	seg   *segment
	chunk *chunk
	added time.Time
}

// add takes note of a chunk that a commit has written. The partition's lock is
// held; what has to go is dropped later, by trim.
func (t *tailCache) add(p *Partition, s *segment, c *chunk) {
	if c.cached {
		return
	}
	c.cached = true
	t.insert(cacheEntry{p: p, seg: s, chunk: c.acquire()})
}

// trim drops the oldest chunks until the cache fits, and those that are older
// than age. Chunks that are still needed go to the end of the line.
func (t *tailCache) trim(age time.Duration) {
	t.mu.Lock()
	n := len(t.mu.entries)
	t.mu.Unlock()
	for range n {
		e, ok := t.oldest(age)
		if !ok {
			return
		}
		if e.p.dropChunk(e.seg, e.chunk) {
			e.chunk.release()
		} else {
			t.insert(e)
		}
	}
}

func (t *tailCache) insert(e cacheEntry) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e.added = time.Now()
	t.mu.entries = append(t.mu.entries, e)
	t.mu.bytes += len(e.chunk.buf)
}

func (t *tailCache) oldest(age time.Duration) (cacheEntry, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.mu.entries) == 0 {
		return cacheEntry{}, false
	}
	e := t.mu.entries[0]
	if t.mu.bytes <= t.limit && time.Since(e.added) < age {
		return cacheEntry{}, false
	}
	t.mu.entries[0] = cacheEntry{}
	t.mu.entries = t.mu.entries[1:]
	if len(t.mu.entries) == 0 {
		t.mu.entries = nil
	}
	t.mu.bytes -= len(e.chunk.buf)
	return e, true
}

// dropChunk forgets a chunk whose bytes are all in the file, and returns false if
// they are not.
func (p *Partition) dropChunk(s *segment, c *chunk) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.end() > s.flushed && !s.gone {
		return false
	}
	c.cached = false
	s.tail.drop(c, !s.exact && !s.gone)
	return true
}
