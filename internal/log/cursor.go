package log

import "github.com/evidentlog/evident/internal/log/batch"

// cursor is a known place between batches: at pos in seg begins the batch whose
// base offset is offset, or the one after it.
type cursor struct {
	seg    *segment
	offset int64
	pos    int64
}

// cursors remembers where the last reads ended, for a consumer goes on there.
// It is guarded by the partition's lock.
type cursors struct {
	list [16]cursor
	next int
}

func (c *cursors) find(s *segment, offset int64) (cursor, bool) {
	for i := range c.list {
		if e := &c.list[i]; e.seg == s && e.offset == offset {
			return *e, true
		}
	}
	return cursor{}, false
}

func (c *cursors) put(e cursor, valid bool) {
	if _, known := c.find(e.seg, e.offset); known || !valid {
		return
	}
	c.list[c.next] = e
	c.next = (c.next + 1) % len(c.list)
}

// walkHead is how much of a header a walker needs: up to the last offset delta.
const walkHead = 27

// walker follows the batch boundaries in bytes that pass by, so that the place
// where a read ended is known without reading again.
type walker struct {
	next   int64 // position of the next header
	offset int64 // that the batch there begins with, once valid
	valid  bool
	lost   bool // what passed by did not look like batches
	part   [walkHead]byte
	have   int // bytes in part
}

// feed takes in the bytes b that lie at pos.
func (w *walker) feed(b []byte, pos int64) {
	end := pos + int64(len(b))
	for !w.lost && w.next < end {
		at := max(w.next+int64(w.have), pos)
		n := copy(w.part[w.have:], b[at-pos:])
		if w.have += n; w.have < walkHead {
			return
		}
		w.step()
	}
}

// step moves on by the header in part.
func (w *walker) step() {
	h := batch.Batch(w.part[:])
	size, err := batch.Size(w.part[:])
	if err != nil {
		w.lost, w.valid = true, false
		return
	}
	w.next += size
	w.offset, w.valid, w.have = h.LastOffset()+1, true, 0
}
