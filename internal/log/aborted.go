package log

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"

	"github.com/evidentlog/evident/internal/vfs"
)

// Kafka's index of a segment's aborted transactions, those whose markers lie in
// it: entries of fixed size, big-endian, by marker. A segment without any has no
// file.
//
//	.txnindex  version int16, producer id, first offset, offset of the marker,
//	           last stable offset at the marker: int64 each
//
// Offsets are absolute.
const (
	abortIndexSuffix  = ".txnindex"
	abortEntrySize    = 34
	abortEntryVersion = 0
)

// abortEntry is one aborted transaction.
type abortEntry struct {
	producer    int64
	first, last int64 // offsets of the first record and of the marker
	// stable is an offset below which all transactions had ended by then, so later
	// entries are of transactions that begin at or after it.
	stable int64
}

func (e abortEntry) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, abortEntryVersion)
	for _, v := range [...]int64{e.producer, e.first, e.last, e.stable} {
		b = binary.BigEndian.AppendUint64(b, uint64(v))
	}
	return b
}

func abortEntryOf(b []byte) abortEntry {
	at := func(i int) int64 { return int64(binary.BigEndian.Uint64(b[2+8*i:])) }
	return abortEntry{at(0), at(1), at(2), at(3)}
}

// checkAbortEntry tells whether b, which follows the entry before, can be the entry of a
// segment with the offsets [base, next).
func checkAbortEntry(b []byte, before, base, next int64) bool {
	e := abortEntryOf(b)
	return binary.BigEndian.Uint16(b) == abortEntryVersion && e.producer >= 0 && e.first >= 0 &&
		e.first < e.last && e.last > before && e.last >= base && e.last < next && e.stable >= 0 && e.stable <= e.last+1
}

// noteAborted adds a transaction whose marker lies in the segment.
func (s *segment) noteAborted(e abortEntry) { s.aborted.pending = e.append(s.aborted.pending) }

// measureAborted finds out how many entries the index file has, and verifies
// them: the markers lie before next.
func (s *segment) measureAborted(files *fileCache, next int64) error {
	info, err := files.fs.Stat(s.aborted.name)
	if errors.Is(err, fs.ErrNotExist) {
		s.aborted.stored = 0
		return nil
	}
	if err != nil {
		return err
	}
	if info.Size()%abortEntrySize != 0 {
		return fmt.Errorf("%w: %s has %d bytes", errIndexTorn, s.aborted.name, info.Size())
	}
	s.aborted.stored = int(info.Size() / abortEntrySize)
	return s.checkAborted(files, next)
}

// checkAborted verifies the stored entries, whose markers lie before next.
func (s *segment) checkAborted(files *fileCache, next int64) error {
	if err := s.aborted.checkSize(files.fs); err != nil {
		return err
	}
	before := int64(-1)
	return s.aborted.each(files, func(b []byte) bool {
		ok := checkAbortEntry(b, before, s.base, next)
		before = abortEntryOf(b).last
		return ok
	})
}

// writeAborts writes the index's pending entries, durably: nothing in the file
// would tell that some were lost. If there are none at all and the segment takes
// no appends, what an earlier segment of this name may have left is removed.
func (x *index) writeAborts(fsys vfs.FS, complete bool) error {
	switch {
	case len(x.pending) > 0:
		return x.write(fsys, true)
	case complete && x.len() == 0:
		return fsys.RemoveAll(x.name)
	}
	return nil
}

// replaceAborts makes the file anew, all or nothing, of entries that are all
// pending.
func (x *index) replaceAborts(fsys vfs.FS) error {
	b := x.pending
	if len(b) == 0 {
		return fsys.RemoveAll(x.name)
	}
	x.wroteAll()
	return replaceFile(fsys, x.name, b)
}

// writeAborted writes the index of the aborted transactions of s: all of it if s
// takes no more appends, else what upTo counts.
func (p *Partition) writeAborted(s *segment, upTo *mark) error {
	p.indexing.Lock()
	defer p.indexing.Unlock()
	p.mu.Lock()
	x := s.aborted
	if upTo != nil {
		x = x.first(upTo.abortEntries)
	}
	begins := x.stored == 0 && len(x.pending) > 0
	p.mu.Unlock()
	if err := x.writeAborts(p.log.fs, upTo == nil); err != nil {
		return err
	}
	if begins {
		if err := p.log.fs.SyncDir(p.dir); err != nil {
			return err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s.aborted.wrote(&x)
	return nil
}

// rebuildAborted makes the entries of the sealed segment d anew, from the batches
// of all segments up to d. The indexing lock is held.
func (p *Partition) rebuildAborted(d *segment) error {
	p.mu.Lock()
	list := p.mu.segments
	p.mu.Unlock()
	t := newProducerTable()
	for _, s := range list {
		if s.base >= d.base {
			break
		}
		if err := p.log.learn(t, s, func(abortEntry) {}); err != nil {
			return err
		}
	}
	return p.log.learn(t, d, d.noteAborted)
}
