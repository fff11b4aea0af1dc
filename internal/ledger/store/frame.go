package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/evidentlog/evident/proof"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// frameMagic begins each frame of a journal file.
const frameMagic = "EVROUND1"

// frameHead is magic, number of the round, bytes that follow, CRC.
const frameHead = 8 + 8 + 4 + 4

// Sizes of what the files of a tree have for each leaf.
const (
	bundleEntry = 2 + proof.EntrySize // length prefix and entry
	saltSize    = proof.SaltSize
)

// kinds of items in a frame.
const (
	itemTree  = 1 // a tree was opened: number, origin
	itemChunk = 2 // leaves of a tree: number, first index, count, entries, salts
	itemRoot  = 3 // an entry of the root log
)

// A TreeID numbers the trees of a store, from 1 in the order in which they came.
type TreeID uint64

// A Chunk is a run of leaves of a tree.
type Chunk struct {
	Tree    TreeID
	From    int64  // index of the first
	Entries []byte // 51 bytes each, as a bundle of tlog-tiles has them
	Salts   []byte // 16 bytes each
}

// Count is the number of leaves.
func (c *Chunk) Count() int { return len(c.Salts) / saltSize }

func (c *Chunk) check() error {
	if len(c.Salts)%saltSize != 0 || len(c.Entries) != c.Count()*bundleEntry || c.From < 0 || c.Tree == 0 {
		return fmt.Errorf("chunk of tree %d at %d: %d bytes of entries and %d of salts do not belong together", c.Tree, c.From, len(c.Entries), len(c.Salts))
	}
	return nil
}

// A frame is a round as the journal has it.
type frame struct {
	number uint64
	opened []openedTree
	chunks []Chunk
	roots  [][]byte
}

type openedTree struct {
	id     TreeID
	origin string
}

// append writes the frame to the end of b.
func (f *frame) append(b []byte) []byte {
	start := len(b)
	b = append(b, frameMagic...)
	b = binary.BigEndian.AppendUint64(b, f.number)
	b = append(b, make([]byte, 8)...) // length and CRC
	for _, o := range f.opened {
		b = binary.BigEndian.AppendUint64(append(b, itemTree), uint64(o.id))
		b = binary.BigEndian.AppendUint16(b, uint16(len(o.origin)))
		b = append(b, o.origin...)
	}
	for i := range f.chunks {
		c := &f.chunks[i]
		b = binary.BigEndian.AppendUint64(append(b, itemChunk), uint64(c.Tree))
		b = binary.BigEndian.AppendUint64(b, uint64(c.From))
		b = binary.BigEndian.AppendUint32(b, uint32(c.Count()))
		b = append(append(b, c.Entries...), c.Salts...)
	}
	for _, r := range f.roots {
		b = binary.BigEndian.AppendUint16(append(b, itemRoot), uint16(len(r)))
		b = append(b, r...)
	}
	body := b[start+frameHead:]
	binary.BigEndian.PutUint32(b[start+16:], uint32(len(body)))
	binary.BigEndian.PutUint32(b[start+20:], frameSum(f.number, body))
	return b
}

func frameSum(number uint64, body []byte) uint32 {
	sum := crc32.Checksum(binary.BigEndian.AppendUint64(nil, number), castagnoli)
	return crc32.Update(sum, castagnoli, body)
}

// errTorn says that no whole frame begins here.
var errTorn = errors.New("no whole frame")

// readFrame reads the frame at the beginning of b and returns its size. Slices
// share b's memory. errTorn says that a write was cut off, or never was.
func readFrame(b []byte) (f *frame, size int, err error) {
	if len(b) < frameHead || !bytes.HasPrefix(b, []byte(frameMagic)) {
		return nil, 0, errTorn
	}
	f = &frame{number: binary.BigEndian.Uint64(b[8:])}
	n := binary.BigEndian.Uint32(b[16:])
	if uint64(n) > uint64(len(b)-frameHead) {
		return nil, 0, errTorn
	}
	body := b[frameHead : frameHead+int(n)]
	if frameSum(f.number, body) != binary.BigEndian.Uint32(b[20:]) {
		return nil, 0, errTorn
	}
	if err := f.readItems(body); err != nil {
		return nil, 0, fmt.Errorf("%w: journal: round %d: %w", ErrCorrupt, f.number, err)
	}
	return f, frameHead + int(n), nil
}

func (f *frame) readItems(b []byte) error {
	r := &itemReader{rest: b}
	for len(r.rest) > 0 && r.err == nil {
		switch kind := r.take(1); kind[0] {
		case itemTree:
			f.opened = append(f.opened, openedTree{TreeID(r.uint64()), string(r.take(int(r.uint16())))})
		case itemChunk:
			c := Chunk{Tree: TreeID(r.uint64()), From: int64(r.uint64())}
			n := int(r.uint32())
			c.Entries, c.Salts = r.take(n*bundleEntry), r.take(n*saltSize)
			f.chunks = append(f.chunks, c)
		case itemRoot:
			f.roots = append(f.roots, r.take(int(r.uint16())))
		default:
			return fmt.Errorf("item of kind %d is not known", kind[0])
		}
	}
	return r.err
}

// An itemReader takes fields off the front of rest, until the first error. What
// it returns after that is zero.
type itemReader struct {
	rest []byte
	err  error
}

func (r *itemReader) take(n int) []byte {
	if r.err != nil || n > len(r.rest) {
		r.err = errors.New("an item ends too early")
		return make([]byte, min(n, 8))
	}
	field := r.rest[:n:n]
	r.rest = r.rest[n:]
	return field
}

func (r *itemReader) uint16() uint16 { return binary.BigEndian.Uint16(r.take(2)) }
func (r *itemReader) uint32() uint32 { return binary.BigEndian.Uint32(r.take(4)) }
func (r *itemReader) uint64() uint64 { return binary.BigEndian.Uint64(r.take(8)) }
