package shared

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/evidentlog/evident/proof"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// magic begins each round of a block, and says which version it is of.
const magic = "EVSHARE1"

// headSize is magic, bytes of the items, CRC, id, size and root before, signature.
const headSize = 8 + 4 + 4 + idSize + 8 + len(proof.Hash{}) + ed25519.SignatureSize

const (
	idSize    = 16
	sumAt     = 12 // where the CRC is
	coveredAt = 16 // from where on it covers the round
	entrySize = 2 + proof.EntrySize
)

// kinds of items in a round.
const (
	itemLeaves = 1 // origin, index of the first, count, entries, salts
	itemRoot   = 2 // an entry of the root log
)

// maxField is what the 16-bit lengths of origins and root entries allow.
const maxField = 1<<16 - 1

// An ID tells a round that one node proposed from all others.
type ID [idSize]byte

// NewID returns one that nobody else has.
func NewID() (id ID) {
	rand.Read(id[:]) // never fails: the program ends if it does
	return id
}

// A Round is what trees gained since the round before, and the entries of the
// root log that say so, of which there is at least one.
type Round struct {
	ID ID
	// Size and Root are the root log's before this round.
	Size      int64
	Root      proof.Hash
	Leaves    []Leaves
	Roots     [][]byte
	Signature [ed25519.SignatureSize]byte // of Message
}

// Leaves are a run of leaves of a tree.
type Leaves struct {
	Origin  string
	First   int64  // index
	Entries []byte // 51 bytes each, as a bundle of tlog-tiles has them
	Salts   []byte // 16 bytes each
}

// Count is the number of leaves.
func (l *Leaves) Count() int { return len(l.Salts) / proof.SaltSize }

// next is the size of the root log after the round.
func (r *Round) next() int64 { return r.Size + int64(len(r.Roots)) }

// Message is what a round's writer signs: all but the salts, which are destroyed
// when their records are erased. It begins with a byte that no signed note has.
func (r *Round) Message() []byte {
	h := sha256.New()
	bare := Round{ID: r.ID, Size: r.Size, Root: r.Root, Roots: r.Roots}
	h.Write(bare.encode())
	var fixed [14]byte
	for i := range r.Leaves {
		l := &r.Leaves[i]
		binary.BigEndian.PutUint16(fixed[:], uint16(len(l.Origin)))
		binary.BigEndian.PutUint64(fixed[2:], uint64(l.First))
		binary.BigEndian.PutUint32(fixed[10:], uint32(l.Count()))
		h.Write(fixed[:])
		h.Write([]byte(l.Origin))
		h.Write(l.Entries)
	}
	return h.Sum([]byte("\x00evident/round/v1\n"))
}

// check refuses what cannot be written.
func (r *Round) check() error {
	if len(r.Roots) == 0 {
		return errors.New("a round without an entry of the root log")
	}
	for _, e := range r.Roots {
		if len(e) > maxField {
			return fmt.Errorf("an entry of %d bytes for the root log, and at most %d are possible", len(e), maxField)
		}
	}
	for i := range r.Leaves {
		l := &r.Leaves[i]
		if len(l.Origin) > maxField || l.First < 0 || len(l.Salts)%proof.SaltSize != 0 || len(l.Entries) != l.Count()*entrySize {
			return fmt.Errorf("leaves of %s at %d: %d bytes of entries and %d of salts do not belong together", l.Origin, l.First, len(l.Entries), len(l.Salts))
		}
	}
	return nil
}

// encode returns the round as a block has it.
func (r *Round) encode() []byte {
	b := append(make([]byte, 0, r.size()), magic...)
	b = append(b, make([]byte, 8)...) // length and CRC
	b = append(b, r.ID[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(r.Size))
	b = append(b, r.Root[:]...)
	b = append(b, r.Signature[:]...)
	for i := range r.Leaves {
		l := &r.Leaves[i]
		b = binary.BigEndian.AppendUint16(append(b, itemLeaves), uint16(len(l.Origin)))
		b = append(b, l.Origin...)
		b = binary.BigEndian.AppendUint64(b, uint64(l.First))
		b = binary.BigEndian.AppendUint32(b, uint32(l.Count()))
		b = append(append(b, l.Entries...), l.Salts...)
	}
	for _, e := range r.Roots {
		b = binary.BigEndian.AppendUint16(append(b, itemRoot), uint16(len(e)))
		b = append(b, e...)
	}
	binary.BigEndian.PutUint32(b[len(magic):], uint32(len(b)-headSize))
	seal(b)
	return b
}

// size is how many bytes encode makes.
func (r *Round) size() int {
	n := headSize
	for i := range r.Leaves {
		l := &r.Leaves[i]
		n += 1 + 2 + len(l.Origin) + 8 + 4 + len(l.Entries) + len(l.Salts)
	}
	for _, e := range r.Roots {
		n += 1 + 2 + len(e)
	}
	return n
}

// seal writes the CRC of an encoded round.
func seal(b []byte) {
	binary.BigEndian.PutUint32(b[sumAt:], crc32.Checksum(b[coveredAt:], castagnoli))
}

// errBad says that bytes are no round.
var errBad = errors.New("not a round that this program knows")

// readRound reads the round at the beginning of b and returns its size. Slices
// share b's memory.
func readRound(b []byte) (r *Round, size int, err error) {
	if r, size, err = readHead(b); err != nil {
		return nil, 0, err
	}
	if size > len(b) {
		return nil, 0, fmt.Errorf("%w: it has %d bytes, and %d are there", errBad, size, len(b))
	}
	if got, want := crc32.Checksum(b[coveredAt:size], castagnoli), binary.BigEndian.Uint32(b[sumAt:]); got != want {
		return nil, 0, fmt.Errorf("%w: its CRC is %08x, and %08x was written", errBad, got, want)
	}
	if err := r.readItems(b[headSize:size]); err != nil {
		return nil, 0, fmt.Errorf("%w: %w", errBad, err)
	}
	if err := r.check(); err != nil {
		return nil, 0, fmt.Errorf("%w: %w", errBad, err)
	}
	return r, size, nil
}

// readHead reads what is before the items, and the size of the whole round.
func readHead(b []byte) (r *Round, size int, err error) {
	if len(b) < headSize || !bytes.HasPrefix(b, []byte(magic)) {
		return nil, 0, fmt.Errorf("%w: it does not begin with %q", errBad, magic)
	}
	n := binary.BigEndian.Uint32(b[len(magic):])
	f := &fields{rest: b[coveredAt:headSize]}
	r = &Round{ID: ID(f.take(idSize)), Size: int64(f.uint64()), Root: proof.Hash(f.take(len(proof.Hash{})))}
	copy(r.Signature[:], f.rest)
	if r.Size < 0 {
		return nil, 0, fmt.Errorf("%w: the root log's size is %d", errBad, r.Size)
	}
	return r, headSize + int(n), nil
}

func (r *Round) readItems(b []byte) error {
	f := &fields{rest: b}
	for len(f.rest) > 0 && f.err == nil {
		switch kind := f.take(1)[0]; kind {
		case itemLeaves:
			l := Leaves{Origin: string(f.take(f.uint16())), First: int64(f.uint64())}
			n := int(f.uint32())
			l.Entries, l.Salts = f.take(n*entrySize), f.take(n*proof.SaltSize)
			r.Leaves = append(r.Leaves, l)
		case itemRoot:
			r.Roots = append(r.Roots, f.take(f.uint16()))
		default:
			return fmt.Errorf("item of kind %d is not known", kind)
		}
	}
	return f.err
}

// fields takes fields off the front of rest, until the first error. What it
// returns after that is zero.
type fields struct {
	rest []byte
	err  error
}

func (f *fields) take(n int) []byte {
	if f.err != nil || n > len(f.rest) {
		f.err = errors.New("an item ends too early")
		return make([]byte, min(n, len(proof.Hash{})))
	}
	field := f.rest[:n:n]
	f.rest = f.rest[n:]
	return field
}

func (f *fields) uint16() int    { return int(binary.BigEndian.Uint16(f.take(2))) }
func (f *fields) uint32() uint32 { return binary.BigEndian.Uint32(f.take(4)) }
func (f *fields) uint64() uint64 { return binary.BigEndian.Uint64(f.take(8)) }
