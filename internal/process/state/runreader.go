package state

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sort"

	"github.com/evidentlog/evident/internal/vfs"
)

// A runReader goes through the keys of a section from one up to but without another.
type runReader struct {
	f     vfs.File
	s     *section
	skip  int    // so many bytes are the same in all keys
	to    []byte // nil: to the end
	at    int    // the block that is next
	block []byte
	rest  []byte // of the block

	key, value []byte // of the item; they are valid until the next one
	head       uint64 // the key's eight bytes behind skip
	ended      bool
}

// seek goes to the first key that is not before one; nil is before all.
func (r *runReader) seek(from []byte) error {
	// The keys of a block before the last one that begins before from are before it.
	r.at = max(0, sort.Search(len(r.s.blocks), func(i int) bool { return bytes.Compare(r.s.blocks[i].first, from) >= 0 })-1)
	for {
		if err := r.next(); err != nil || r.ended || bytes.Compare(r.key, from) >= 0 {
			return err
		}
	}
}

// next goes to the next key, if there is one.
func (r *runReader) next() error {
	if len(r.rest) == 0 {
		if r.at == len(r.s.blocks) {
			r.ended = true
			return nil
		}
		if err := r.load(); err != nil {
			return err
		}
	}
	klen, vlen, n := lengths(r.rest)
	if n == 0 {
		return r.damaged("an item without length")
	}
	b := r.rest[n:]
	size := max(vlen, 1) - 1
	if klen > uint64(len(b)) || size > uint64(len(b))-klen {
		return r.damaged("an item that is cut off")
	}
	r.key, r.value = b[:klen], nil
	if vlen > 0 {
		r.value = b[klen : klen+size]
	}
	r.rest = b[klen+size:]
	r.head = keyHead(r.key[min(r.skip, len(r.key)):])
	r.ended = r.to != nil && bytes.Compare(r.key, r.to) >= 0
	return nil
}

// load reads the next block.
func (r *runReader) load() error {
	b := r.s.blocks[r.at]
	if cap(r.block) < b.size {
		r.block = make([]byte, b.size)
	}
	r.block = r.block[:b.size]
	switch n, err := r.f.ReadAt(r.block, b.off); {
	case n < b.size && errors.Is(err, io.EOF):
		return r.damaged("a block that is cut off")
	case n < b.size:
		return err
	case crc32.Checksum(r.block, castagnoli) != b.sum:
		return r.damaged("a block whose checksum does not match")
	}
	r.rest = r.block
	r.at++
	return nil
}

func (r *runReader) damaged(what string) error {
	return fmt.Errorf("%w: %s has %s at offset %d", ErrCorrupt, r.f.Name(), what, r.s.blocks[max(0, r.at-1)].off)
}
