package log

import "github.com/evidentlog/evident/internal/vfs"

// smallChunk is the size up to which chunks double while appends are small.
const smallChunk = 64 << 10

// tail is the end of a segment as it stands in memory: all bytes that are not
// yet in the file, and before them bytes that are, kept for readers who follow
// closely. Its chunks are in file order; where a commit froze a chunk in the
// middle of a block, the next chunk begins with a copy of that block.
//
// A tail is guarded by its partition's lock.
type tail struct {
	pool   *chunkPool
	chunks []*chunk
}

func blockFloor(n int64) int64 { return n &^ (vfs.BlockSize - 1) }
func blockCeil(n int64) int64  { return blockFloor(n + vfs.BlockSize - 1) }

// append adds data, the bytes of the segment from file position pos.
func (t *tail) append(pos int64, data []byte) {
	for len(data) > 0 {
		c := t.room(pos, len(data))
		n := copy(c.buf[c.n:], data)
		c.n += n
		pos += int64(n)
		data = data[n:]
	}
}

// room returns the last chunk if it can take more, or a new one.
func (t *tail) room(pos int64, want int) *chunk {
	last := t.last()
	if last != nil && !last.frozen && last.n < len(last.buf) && (want <= len(last.buf)-last.n || len(last.buf) > minChunk) {
		return last
	}
	start := blockFloor(pos)
	carry := int(pos - start)
	size := carry + want
	if last != nil {
		size = max(size, min(2*len(last.buf), smallChunk))
	}
	c := t.pool.get(size, start)
	if carry > 0 {
		c.n = copy(c.buf[:carry], last.buf[start-last.start:])
		if last.start == start { // all of it is in the new chunk
			last.release()
			t.chunks = t.chunks[:len(t.chunks)-1]
		}
	}
	t.chunks = append(t.chunks, c)
	return c
}

func (t *tail) last() *chunk {
	if len(t.chunks) == 0 {
		return nil
	}
	return t.chunks[len(t.chunks)-1]
}

// freeze makes all bytes up to now safe to be written while appends go on.
func (t *tail) freeze() {
	c := t.last()
	if c == nil || c.n%vfs.BlockSize == 0 {
		return
	}
	clear(c.buf[c.n:blockCeil(int64(c.n))])
	c.frozen = true
}

// span is whole blocks of a chunk, as a commit writes them.
type span struct {
	chunk *chunk
	bytes []byte
	pos   int64 // in the file; a multiple of the block size
}

// blocks returns the blocks from the one that holds pos to the end, which has
// been frozen, with a reference to each chunk for the caller.
func (t *tail) blocks(pos int64) []span {
	i := t.find(pos)
	if i < 0 {
		return nil
	}
	out := make([]span, 0, len(t.chunks)-i)
	for _, c := range t.chunks[i:] {
		lo := max(blockFloor(pos), c.start)
		if hi := blockCeil(c.end()); lo < hi {
			out = append(out, span{c.acquire(), c.buf[lo-c.start : hi-c.start], lo})
		}
	}
	return out
}

// at returns the chunk that holds the byte at pos with a reference for the
// caller, or nil.
func (t *tail) at(pos int64) *chunk {
	if i := t.find(pos); i >= 0 && pos < t.chunks[i].end() {
		return t.chunks[i].acquire()
	}
	return nil
}

// find returns the index of the last chunk that starts at or before pos, or -1.
func (t *tail) find(pos int64) int {
	i := len(t.chunks) - 1
	for i >= 0 && t.chunks[i].start > pos {
		i--
	}
	return i
}

// copyTo appends the bytes [from, to) to dst.
func (t *tail) copyTo(dst []byte, from, to int64) []byte {
	for i := t.find(from); from < to; i++ {
		c := t.chunks[i]
		end := min(to, c.end())
		if end > from {
			dst = append(dst, c.buf[from-c.start:end-c.start]...)
			from = end
		}
	}
	return dst
}

// drop forgets the chunk c, whose bytes are in the file. While the segment grows,
// the incomplete block that the next append needs is kept.
func (t *tail) drop(c *chunk, grows bool) {
	for i := range t.chunks {
		if t.chunks[i] != c {
			continue
		}
		if grows && i == len(t.chunks)-1 && c.n%vfs.BlockSize != 0 {
			t.chunks[i] = t.remnant(c)
		} else {
			t.chunks = append(t.chunks[:i], t.chunks[i+1:]...)
		}
		c.release()
		return
	}
}

// remnant is a chunk of one block with the last, incomplete block of c.
func (t *tail) remnant(c *chunk) *chunk {
	r := t.pool.get(minChunk, blockFloor(c.end()))
	r.n = copy(r.buf, c.buf[r.start-c.start:c.n])
	return r
}

// reset forgets everything.
func (t *tail) reset() {
	for _, c := range t.chunks {
		c.release()
	}
	t.chunks = nil
}
