package state

import (
	"bytes"
	"errors"
	"hash/crc32"

	"github.com/evidentlog/evident/internal/vfs"
)

// A run that was put aside is a file of items, sorted: length of the key and length of the
// value + 1, both uvarint, 0 for a deletion, key, value. It is read once, by the process
// that has written it, which keeps in memory what is where: the prefixes of keys, which
// items are without, and blocks with their checksums (CRC-32C).
type runFile struct {
	name     string
	sections []section // in the order of their prefixes
}

// A section has the keys of a run with one prefix.
type section struct {
	prefix []byte
	last   []byte // its last key, cut off
	blocks []block
}

// A block is a piece of a section, to be read at once.
type block struct {
	first []byte // its first key, cut off
	off   int64
	size  int
	sum   uint32
}

const (
	// runBlock is from which size on a block is full: of each run that is merged, one is in
	// memory.
	runBlock = 16 << 10
	// cutAt is how much of a key tells where it is: enough for most, and bounded.
	cutAt = 32
)

// cut is a copy of what tells where a key is, more or less.
func cut(key []byte) []byte { return bytes.Clone(key[:min(len(key), cutAt)]) }

// A runWriter sorts runs and writes them to files. It keeps the memory that it needs.
type runWriter struct {
	fs      vfs.FS
	scratch []item
	f       vfs.File
	off     int64
	block   []byte
	seen    byte
}

// write sorts a run, and writes it to a new file.
func (w *runWriter) write(r *run, name string) (file *runFile, err error) {
	if w.f, err = w.fs.Open(name, vfs.Create); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.f.Close()) }()
	w.off = 0
	s := sorter{key: r.key, scratch: w.scratch}
	file = &runFile{name: name}
	for _, p := range r.parts {
		if len(p.items) == 0 {
			continue
		}
		s.sort(p.items, 0)
		section, err := w.part(r, p)
		if err != nil {
			return file, err
		}
		file.sections = append(file.sections, section)
	}
	w.scratch = s.scratch
	return file, nil
}

// ahead is how many items are looked at before they are written: they are all over the
// memory, and the CPU gets several of them at once.
const ahead = 16

// part writes the items of a part, of equal keys the first.
func (w *runWriter) part(r *run, p *part) (section, error) {
	s := section{prefix: p.prefix}
	var last []byte
	for n, i := range p.items {
		if n%ahead == 0 {
			w.look(r, p.items[n:min(n+ahead, len(p.items))])
		}
		key, all := r.item(i)
		if n > 0 && bytes.Equal(key, last) {
			continue
		}
		last = key
		if len(w.block) == 0 {
			s.blocks = append(s.blocks, block{first: cut(key), off: w.off})
		}
		if w.block = append(w.block, all...); len(w.block) < runBlock {
			continue
		}
		if err := w.flush(&s); err != nil {
			return s, err
		}
	}
	s.last = cut(last)
	return s, w.flush(&s)
}

// look reads a byte of each item, none of which has to wait for another.
func (w *runWriter) look(r *run, items []item) {
	for _, i := range items {
		w.seen ^= r.bytes[i.at]
	}
}

// flush writes the block, if there is something in it.
func (w *runWriter) flush(s *section) error {
	if len(w.block) == 0 {
		return nil
	}
	b := &s.blocks[len(s.blocks)-1]
	b.size, b.sum = len(w.block), crc32.Checksum(w.block, castagnoli)
	n, err := w.f.WriteAt(w.block, w.off)
	w.off += int64(n)
	w.block = w.block[:0]
	return err
}
