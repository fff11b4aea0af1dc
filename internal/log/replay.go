package log

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/internal/vfs"
)

// journalEntry is one partition's part of a round.
type journalEntry struct {
	key   partKey
	base  int64
	voids bool
	data  []byte // whole batches
}

// journalContents is what recovery reads from the journal.
type journalContents struct {
	entries map[partKey][]journalEntry // in the order they were written
	files   []journalHeader            // that are still needed, by id; without data
	stale   []string                   // that are not
	floor   uint64                     // the oldest id that was read
	last    uint64                     // the largest id seen in a file or in a name
}

// journalHeader is the first block of a journal file.
type journalHeader struct {
	id   uint64
	name string
	size int64
	data []byte
}

// readJournal reads all journal files. Files that were released are recognised by
// the floor that later rounds carry.
func (l *Log) readJournal() (*journalContents, error) {
	c := &journalContents{entries: make(map[partKey][]journalEntry)}
	heads, err := c.list(l)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(heads, func(a, b journalHeader) int { return cmp.Compare(a.id, b.id) })
	if len(heads) > 0 {
		c.floor = heads[0].id
	}
	rounds := make([][]round, len(heads))
	ends := make([]int64, len(heads))
	for i, h := range heads {
		rounds[i], ends[i] = readRounds(h)
		for _, r := range rounds[i] {
			c.floor = max(c.floor, r.floor)
		}
	}
	for i, h := range heads {
		if h.id < c.floor {
			c.stale = append(c.stale, h.name)
			continue
		}
		if err := c.take(l, h, rounds[i], ends[i]); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// take takes in a file whose sound rounds end at the position end.
func (c *journalContents) take(l *Log, h journalHeader, rounds []round, end int64) error {
	if at := laterRound(h, end, uint64(len(rounds))); at > 0 {
		err := fmt.Errorf("%w: round %d at position %d is not sound, and there is another at %d", ErrCorruption, len(rounds), end, at)
		if err := l.journalDamaged(h.name, err); err != nil {
			return err
		}
	}
	c.files = append(c.files, journalHeader{id: h.id, name: h.name, size: int64(len(h.data))})
	for _, r := range rounds {
		if err := c.add(r); err != nil {
			return fmt.Errorf("%w: journal %s: %w", ErrCorruption, h.name, err)
		}
	}
	return nil
}

// journalDamaged makes of damage in the journal an error that says what to do,
// or nil if one is to go on in spite of it.
func (l *Log) journalDamaged(name string, err error) error {
	if l.cfg.TruncateDamaged {
		l.cfg.Logger.Error("leaving out damaged rounds of the journal as asked; records are lost", "file", name, "error", err)
		return nil
	}
	return fmt.Errorf("the journal %s is damaged, and with it acknowledged records of partitions that are not known: restore it from a backup, "+
		"or go on without them by starting once with truncation of damaged partitions allowed: %w", name, err)
}

// list reads the files that have a head. One without was never acknowledged
// from, or is void.
func (c *journalContents) list(l *Log) ([]journalHeader, error) {
	names, err := l.fs.ReadDir(l.journalDir())
	if err != nil {
		return nil, err
	}
	var heads []journalHeader
	for _, e := range names {
		digits, ok := strings.CutSuffix(e.Name(), journalSuffix)
		if !ok {
			continue
		}
		n, _ := strconv.ParseUint(digits, 10, 64)
		c.last = max(c.last, n)
		h, err := l.readJournalFile(filepath.Join(l.journalDir(), e.Name()))
		if err != nil {
			return nil, err
		}
		if h.id == 0 {
			c.stale = append(c.stale, h.name)
			continue
		}
		c.last = max(c.last, h.id)
		heads = append(heads, h)
	}
	return heads, nil
}

func (l *Log) readJournalFile(name string) (h journalHeader, err error) {
	h.name = name
	if h.data, err = readFile(l.fs, name); err != nil {
		return h, err
	}
	h.id, err = readHead(h.data)
	if errors.Is(err, ErrCorruption) {
		return h, l.journalDamaged(name, err)
	}
	if err != nil {
		return h, fmt.Errorf("%s: %w", name, err)
	}
	return h, nil
}

// readHead returns the id in a journal file's first block, 0 if it is empty. The
// head lies within one sector, so a write that was cut off leaves none that is
// not sound.
func readHead(b []byte) (uint64, error) {
	if len(b) < vfs.BlockSize || len(bytes.Trim(b[:vfs.BlockSize], "\x00")) == 0 {
		return 0, nil
	}
	if string(b[:8]) != fileMagic || crc32.Checksum(b[:32], castagnoli) != binary.BigEndian.Uint32(b[32:]) {
		return 0, fmt.Errorf("%w: the first block is not a journal's", ErrCorruption)
	}
	if v := binary.BigEndian.Uint32(b[8:]); v != journalVersion {
		return 0, fmt.Errorf("%w: journal format %d, this version reads %d", errVersion, v, journalVersion)
	}
	return binary.BigEndian.Uint64(b[16:]), nil
}

// round is one sound round of a journal file.
type round struct {
	number  uint64
	floor   uint64
	payload []byte
}

// readRounds reads rounds until the first that is not of this use of the file,
// not the next in number, or not whole: there the file ended.
func readRounds(h journalHeader) (list []round, end int64) {
	end = vfs.BlockSize
	for {
		r, size, ok := readRound(h, end)
		if !ok || r.number != uint64(len(list)) {
			return list, end
		}
		list = append(list, r)
		end += blockCeil(size)
	}
}

// readRound reads the round at position off, if there is a sound one.
func readRound(h journalHeader, off int64) (r round, size int64, ok bool) {
	if off+roundHeader > int64(len(h.data)) {
		return round{}, 0, false
	}
	b := h.data[off:]
	if string(b[:8]) != roundMagic || binary.BigEndian.Uint64(b[8:]) != h.id {
		return round{}, 0, false
	}
	size = roundHeader + int64(binary.BigEndian.Uint32(b[32:]))
	if size > int64(len(b)) || roundSum(b[:size]) != binary.BigEndian.Uint32(b[36:]) {
		return round{}, 0, false
	}
	return round{binary.BigEndian.Uint64(b[16:]), binary.BigEndian.Uint64(b[24:]), b[roundHeader:size]}, size, true
}

// laterRound returns the position of a round beyond end with a number above n, or
// 0. If there is one, round n had been synced before it, and has been damaged.
func laterRound(h journalHeader, end int64, n uint64) int64 {
	for off := end; off < int64(len(h.data)); off += vfs.BlockSize {
		if r, _, ok := readRound(h, off); ok && r.number > n {
			return off
		}
	}
	return 0
}

// add takes in a round's entries.
func (c *journalContents) add(r round) error {
	d := decoder{b: r.payload}
	for len(d.b) > 0 {
		var e journalEntry
		e.voids = d.u32()&entryVoids != 0
		e.key.partition = int32(d.u32())
		copy(e.key.topic[:], d.take(16))
		e.base = d.i64()
		e.data = d.take(int(d.u32()))
		if d.short {
			return errors.New("an entry goes beyond its round")
		}
		list := c.entries[e.key]
		if e.voids {
			list = voided(list, e.base)
		}
		if len(e.data) > 0 {
			list = append(list, e)
		}
		c.entries[e.key] = list
	}
	return nil
}

// voided is list without the batches at or after offset.
func voided(list []journalEntry, offset int64) []journalEntry {
	list = slices.DeleteFunc(list, func(e journalEntry) bool { return e.base >= offset })
	for i := range list {
		kept := 0
		for rest := list[i].data; len(rest) > 0; {
			b, more, err := batch.Next(rest)
			if err != nil || b.BaseOffset() >= offset {
				break
			}
			kept += len(b)
			rest = more
		}
		list[i].data = list[i].data[:kept]
	}
	return list
}

// holds tells whether a batch of e begins at offset.
func (e journalEntry) holds(offset int64) bool {
	for rest := e.data; len(rest) > 0; {
		b, more, err := batch.Next(rest)
		if err != nil || b.BaseOffset() > offset {
			return false
		}
		if b.BaseOffset() == offset {
			return true
		}
		rest = more
	}
	return false
}
