package index

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/evidentlog/evident/internal/vfs"
)

const blockMagic = "EVINDEX1"

// A header is the first page of a block.
type header struct {
	first, next int64
	base        int64
	records     int64
	counts      [fields]int64 // slots
	zones       int64
}

// A block is a slice in a file that is never changed.
type block struct {
	header
	name string // of the file
}

func (h *header) append(content []byte) {
	copy(content, blockMagic)
	for i, n := range h.numbers() {
		binary.BigEndian.PutUint64(content[8+8*i:], uint64(*n))
	}
}

// numbers are those of the header, in the order in which they are stored.
func (h *header) numbers() []*int64 {
	list := []*int64{&h.first, &h.next, &h.base, &h.records}
	for f := range h.counts {
		list = append(list, &h.counts[f])
	}
	return append(list, &h.zones)
}

func parseHeader(content []byte) (h header, err error) {
	if string(content[:8]) != blockMagic {
		return h, fmt.Errorf("%w: it begins with %q, not with %q", ErrCorrupt, content[:8], blockMagic)
	}
	for i, n := range h.numbers() {
		*n = int64(binary.BigEndian.Uint64(content[8+8*i:]))
	}
	ok := h.first >= 0 && h.first < h.next && h.base >= h.first && h.base < h.next && h.records >= 0 && h.records <= maxSpan &&
		h.zones >= 0 && h.zones <= maxSpan>>zoneBits+1
	for _, n := range h.counts {
		ok = ok && n >= 0 && n <= h.records
	}
	if !ok {
		return h, fmt.Errorf("%w: its numbers make no sense: %+v", ErrCorrupt, h)
	}
	return h, nil
}

// start is the first page of a field's slots, or of zones for what follows the
// last field.
func (h *header) start(f Field) int64 {
	at := int64(1)
	for i := range f {
		at += pagesOf(h.counts[i], slotsAPage)
	}
	return at
}

// writeBlock writes a sorted slice as a file, and syncs that.
func writeBlock(fsys vfs.FS, name string, s *slice) (header, error) {
	h := header{first: s.first, next: s.next, base: s.base, records: s.records, zones: int64(len(s.zones))}
	for f := range s.slots {
		h.counts[f] = int64(len(s.slots[f]))
	}
	return h, withFile(fsys, name, vfs.Write|vfs.Create, func(f vfs.File) error {
		if err := f.Truncate(0); err != nil {
			return err
		}
		w := &pageWriter{file: f}
		if err := w.add(h.append); err != nil {
			return err
		}
		for i := range s.slots {
			if err := w.slots(s.slots[i]); err != nil {
				return err
			}
		}
		if err := w.zones(s.zones); err != nil {
			return err
		}
		if err := w.flush(); err != nil {
			return err
		}
		return f.Sync()
	})
}

// openBlock reads the header of a block.
func openBlock(fsys vfs.FS, name string) (*block, error) {
	b := &block{name: name}
	err := withFile(fsys, name, 0, func(f vfs.File) (err error) {
		page := make([]byte, pageSize)
		if err := readPage(f, 0, page); err != nil {
			return err
		}
		if b.header, err = parseHeader(page); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	})
	return b, err
}

// find returns where one hash of a field is, in rising order.
func (b *block) find(file vfs.File, f Field, hash uint64) (offsets []int64, err error) {
	want := hash &^ deltaMask
	page := make([]byte, pageSize)
	number, err := b.seek(file, f, want, page)
	if err != nil {
		return nil, err
	}
	for end := pagesOf(b.counts[f], slotsAPage); number < end; number++ {
		if err := readPage(file, b.start(f)+number, page); err != nil {
			return nil, err
		}
		for i := range b.onPage(f, number) {
			slot := binary.BigEndian.Uint64(page[8*i:])
			switch at := slot &^ deltaMask; {
			case at == want:
				offsets = append(offsets, b.base+int64(slot&deltaMask))
			case at > want:
				return offsets, nil
			}
		}
	}
	return offsets, nil
}

// seek returns the first page of a field's slots that can have the hash. Hashes
// are spread evenly, so the first guess is mostly right.
func (b *block) seek(file vfs.File, f Field, want uint64, page []byte) (int64, error) {
	low, high := int64(0), pagesOf(b.counts[f], slotsAPage) // the page is in [low, high]
	over, _ := bits.Mul64(want, uint64(high))
	for guess := int64(over); low < high; guess = (low + high) / 2 {
		if err := readPage(file, b.start(f)+guess, page); err != nil {
			return 0, err
		}
		last := 8 * (b.onPage(f, guess) - 1)
		switch {
		case binary.BigEndian.Uint64(page[last:])&^deltaMask < want:
			low = guess + 1
		case guess > low && binary.BigEndian.Uint64(page)&^deltaMask >= want:
			high = guess // what is before it may have the hash too
		default:
			return guess, nil
		}
	}
	return low, nil
}

// onPage is how many slots a page has.
func (b *block) onPage(f Field, number int64) int64 {
	return min(slotsAPage, b.counts[f]-number*slotsAPage)
}

// load reads the whole of a block. Slots are sorted.
func (b *block) load(fsys vfs.FS) (*slice, error) {
	s := &slice{first: b.first, next: b.next, base: b.base, records: b.records}
	return s, withFile(fsys, b.name, 0, func(file vfs.File) (err error) {
		for f := range s.slots {
			if s.slots[f], err = b.loadField(file, Field(f)); err != nil {
				return err
			}
		}
		s.zones, err = b.loadZones(file)
		return err
	})
}

func (b *block) loadField(file vfs.File, f Field) ([]uint64, error) {
	page := make([]byte, pageSize)
	slots := make([]uint64, 0, b.counts[f])
	for number := range pagesOf(b.counts[f], slotsAPage) {
		if err := readPage(file, b.start(f)+number, page); err != nil {
			return nil, err
		}
		for i := range b.onPage(f, number) {
			slots = append(slots, binary.BigEndian.Uint64(page[8*i:]))
		}
	}
	return slots, nil
}

func (b *block) loadZones(file vfs.File) ([]zone, error) {
	page := make([]byte, pageSize)
	zones := make([]zone, 0, b.zones)
	for number := range pagesOf(b.zones, zonesAPage) {
		if err := readPage(file, b.start(Field(fields))+number, page); err != nil {
			return nil, err
		}
		for i := range min(zonesAPage, b.zones-number*zonesAPage) {
			z := page[zoneSize*i:]
			zones = append(zones, zone{
				int64(binary.BigEndian.Uint64(z)), int64(binary.BigEndian.Uint64(z[8:])), int64(binary.BigEndian.Uint64(z[16:])),
			})
		}
	}
	return zones, nil
}

// unfinished ends the names of files that are being written.
const unfinished = ".new"

// blockName is the name of a block's file. Of files for the same offsets the one
// with the greatest version counts.
func blockName(first, next, version int64) string {
	return fmt.Sprintf("%019d-%019d.%d", first, next, version)
}

func parseBlockName(name string) (first, next, version int64, ok bool) {
	span, v, ok1 := strings.Cut(filepath.Base(name), ".")
	from, to, ok2 := strings.Cut(span, "-")
	first, err1 := strconv.ParseInt(from, 10, 64)
	next, err2 := strconv.ParseInt(to, 10, 64)
	version, err3 := strconv.ParseInt(v, 10, 64)
	ok = ok1 && ok2 && err1 == nil && err2 == nil && err3 == nil && filepath.Base(name) == blockName(first, next, version)
	return first, next, version, ok
}

func withFile(fsys vfs.FS, name string, mode vfs.Mode, do func(vfs.File) error) (err error) {
	f, err := fsys.Open(name, mode)
	if err != nil {
		return err
	}
	err = do(f)
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}
