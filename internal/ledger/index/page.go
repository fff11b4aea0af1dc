package index

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/evidentlog/evident/internal/vfs"
)

// ErrCorrupt says that a block is not as it was written.
var ErrCorrupt = errors.New("the index is damaged")

// A page is what a block is made of: content, its number, and a checksum of both.
const (
	pageSize     = 4096
	contentSize  = pageSize - 8
	slotsAPage   = contentSize / 8
	zoneSize     = 24
	zonesAPage   = contentSize / zoneSize
	pagesAtATime = 64
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// seal completes a page.
func seal(page []byte, number uint32) {
	binary.BigEndian.PutUint32(page[contentSize:], number)
	binary.BigEndian.PutUint32(page[contentSize+4:], crc32.Checksum(page[:contentSize+4], castagnoli))
}

// readPage reads and checks a page of a file into a buffer.
func readPage(f vfs.File, number int64, page []byte) error {
	if n, err := f.ReadAt(page, number*pageSize); n < pageSize {
		return fmt.Errorf("%w: %s: page %d has %d bytes: %w", ErrCorrupt, f.Name(), number, n, err)
	}
	want := binary.BigEndian.Uint32(page[contentSize+4:])
	got := crc32.Checksum(page[:contentSize+4], castagnoli)
	if at := binary.BigEndian.Uint32(page[contentSize:]); got != want || int64(at) != number {
		return fmt.Errorf("%w: %s: page %d has checksum %08x and number %d, and the checksum of its content is %08x", ErrCorrupt, f.Name(), number, want, at, got)
	}
	return nil
}

// A pageWriter writes the pages of a new file.
type pageWriter struct {
	file vfs.File
	next int64  // page to write
	buf  []byte // sealed pages that are not written yet
}

// add adds a page; fill writes its content, in room that is zero.
func (w *pageWriter) add(fill func(content []byte)) error {
	if len(w.buf) == pagesAtATime*pageSize {
		if err := w.flush(); err != nil {
			return err
		}
	}
	number := w.next + int64(len(w.buf)/pageSize)
	w.buf = append(w.buf, make([]byte, pageSize)...)
	page := w.buf[len(w.buf)-pageSize:]
	fill(page[:contentSize])
	seal(page, uint32(number))
	return nil
}

func (w *pageWriter) flush() error {
	_, err := w.file.WriteAt(w.buf, w.next*pageSize)
	w.next += int64(len(w.buf) / pageSize)
	w.buf = w.buf[:0]
	return err
}

func (w *pageWriter) slots(slots []uint64) error {
	for len(slots) > 0 {
		n := min(slotsAPage, len(slots))
		err := w.add(func(content []byte) {
			for i, s := range slots[:n] {
				binary.BigEndian.PutUint64(content[8*i:], s)
			}
		})
		if err != nil {
			return err
		}
		slots = slots[n:]
	}
	return nil
}

func (w *pageWriter) zones(zones []zone) error {
	for len(zones) > 0 {
		n := min(zonesAPage, len(zones))
		err := w.add(func(content []byte) {
			for i, z := range zones[:n] {
				binary.BigEndian.PutUint64(content[zoneSize*i:], uint64(z.number))
				binary.BigEndian.PutUint64(content[zoneSize*i+8:], uint64(z.min))
				binary.BigEndian.PutUint64(content[zoneSize*i+16:], uint64(z.max))
			}
		})
		if err != nil {
			return err
		}
		zones = zones[n:]
	}
	return nil
}

// pagesOf is how many pages a number of things take.
func pagesOf(count, aPage int64) int64 { return (count + aPage - 1) / aPage }
