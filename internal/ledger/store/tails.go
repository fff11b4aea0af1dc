package store

import "sync"

const (
	// tailLeaves is how many leaves of a tree make it worth to open its two files:
	// about a page of entries.
	tailLeaves = 64
	// tailsBytes is how much memory the leaves of all trees may take: fewer are
	// written at a time where there are very many trees.
	tailsBytes = 16 << 20
)

// tails are leaves that the journal has and the trees' files do not yet: a run of
// them for each tree, as a rule the last ones. To open two files for a few bytes costs more than all else
// that is done for a leaf, so that trees with few leaves a round wait until there
// are more, or the journal is released. Readers see them where they will be.
//
// One goroutine adds. Tails are written by it and by the one that releases the
// journal, maybe the same ones by both: that does no harm.
type tails struct {
	most int // bytes of all of them

	mu struct {
		sync.RWMutex
		of    map[TreeID]*tail
		queue []*tail // oldest first; those that were written are in it too
		bytes int
	}
}

// A tail is a run of leaves that a tree's files lack. It has at least one.
type tail struct {
	Chunk        // its slices are only ever appended to, and cut off at the front
	written bool // it is none any more
}

func newTails() *tails {
	t := &tails{most: tailsBytes}
	t.forget()
	return t
}

// forget drops all tails: the files have them.
func (t *tails) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mu.of, t.mu.queue, t.mu.bytes = map[TreeID]*tail{}, nil, 0
}

// follows tells whether a chunk begins where a tree's tail ends, if it has one.
func (t *tails) follows(c *Chunk) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	old := t.mu.of[c.Tree]
	return old == nil || old.From+int64(old.Count()) == c.From
}

// add copies a chunk, which follows, to the end of its tree's tail.
func (t *tails) add(c *Chunk) {
	if c.Count() == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	last := t.mu.of[c.Tree]
	if last == nil {
		last = &tail{Chunk: Chunk{Tree: c.Tree, From: c.From}}
		t.mu.of[c.Tree] = last
		t.mu.queue = append(t.mu.queue, last)
	}
	last.Entries, last.Salts = append(last.Entries, c.Entries...), append(last.Salts, c.Salts...)
	t.mu.bytes += len(c.Entries) + len(c.Salts)
}

// due returns a tree whose tail is to be written after leaves were added to one:
// that one if it has enough, or the one that waits the longest if all together have
// too many; 0 if none is.
func (t *tails) due(added TreeID) TreeID {
	t.mu.Lock()
	defer t.mu.Unlock()
	if last := t.mu.of[added]; last != nil && last.Count() >= tailLeaves {
		return added
	}
	if t.mu.bytes <= t.most {
		return 0
	}
	for t.mu.queue[0].written {
		t.mu.queue = t.mu.queue[1:]
	}
	return t.mu.queue[0].Tree
}

// get returns a tree's tail as it is now.
func (t *tails) get(id TreeID) (Chunk, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	last := t.mu.of[id]
	if last == nil {
		return Chunk{}, false
	}
	return last.Chunk, true
}

// drop forgets leaves of a tree before an index: they are in its files.
func (t *tails) drop(id TreeID, to int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	last := t.mu.of[id]
	if last == nil || to <= last.From {
		return
	}
	n := int(min(to-last.From, int64(last.Count())))
	last.From += int64(n)
	last.Entries, last.Salts = last.Entries[n*bundleEntry:], last.Salts[n*saltSize:]
	t.mu.bytes -= n * (bundleEntry + saltSize)
	if last.Count() == 0 {
		last.written = true
		last.Entries, last.Salts = nil, nil // it stays in the queue for a while
		delete(t.mu.of, id)
		t.tidy()
	}
}

// tidy keeps the queue from growing by tails that were written.
func (t *tails) tidy() {
	if len(t.mu.queue) < 2*len(t.mu.of)+tailLeaves {
		return
	}
	var waiting []*tail
	for _, last := range t.mu.queue {
		if !last.written {
			waiting = append(waiting, last)
		}
	}
	t.mu.queue = waiting
}

// read copies what it has of a place in a tree's file of entries or of salts to
// where it belongs in b, which is from..to. The file has what is before and after.
func (t *tails) read(id TreeID, what string, at int64, b []byte) (from, to int) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	last := t.mu.of[id]
	if last == nil {
		return 0, 0
	}
	begin, have := last.From*saltSize, last.Salts
	if what == entriesFile {
		begin, have = last.From*bundleEntry, last.Entries
	}
	first, end := max(at, begin), min(at+int64(len(b)), begin+int64(len(have)))
	if first >= end {
		return 0, 0
	}
	from = int(first - at)
	return from, from + copy(b[from:], have[first-begin:end-begin])
}
