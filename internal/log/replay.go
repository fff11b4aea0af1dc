package log

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
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
	reset bool
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
	data []byte
}

// readJournal reads all journal files of dir. Files that were released are
// recognised by the floor that later rounds carry.
func readJournal(fsys vfs.FS, dir string) (*journalContents, error) {
	c := &journalContents{entries: make(map[partKey][]journalEntry)}
	heads, err := c.list(fsys, dir)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(heads, func(a, b journalHeader) int { return int(int64(a.id) - int64(b.id)) })
	if len(heads) > 0 {
		c.floor = heads[0].id
	}
	var rounds [][]round
	for _, h := range heads {
		list := readRounds(h)
		for _, r := range list {
			c.floor = max(c.floor, r.floor)
		}
		rounds = append(rounds, list)
	}
	for i, h := range heads {
		if h.id < c.floor {
			c.stale = append(c.stale, h.name)
			continue
		}
		c.files = append(c.files, journalHeader{id: h.id, name: h.name})
		for _, r := range rounds[i] {
			if err := c.add(r); err != nil {
				return nil, fmt.Errorf("%w: journal %s: %w", ErrCorruption, h.name, err)
			}
		}
	}
	return c, nil
}

// list reads the files whose first block is sound. One whose first block is not
// was never acknowledged from.
func (c *journalContents) list(fsys vfs.FS, dir string) ([]journalHeader, error) {
	names, err := fsys.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
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
		name := filepath.Join(dir, e.Name())
		c.last = max(c.last, n)
		data, err := readFile(fsys, name)
		if err != nil {
			return nil, err
		}
		id, err := readHead(data)
		if err != nil {
			return nil, fmt.Errorf("journal %s: %w", name, err)
		}
		if id == 0 {
			c.stale = append(c.stale, name)
			continue
		}
		c.last = max(c.last, id)
		heads = append(heads, journalHeader{id, name, data})
	}
	return heads, nil
}

// readHead returns the id in a journal file's first block, 0 if it has none,
// and an error if a newer version wrote it.
func readHead(b []byte) (uint64, error) {
	if len(b) < vfs.BlockSize || string(b[:8]) != fileMagic || crc32.Checksum(b[:32], castagnoli) != binary.BigEndian.Uint32(b[32:]) {
		return 0, nil
	}
	if v := binary.BigEndian.Uint32(b[8:]); v != journalVersion {
		return 0, fmt.Errorf("format %d, this version reads %d: use the version of evident that wrote it", v, journalVersion)
	}
	return binary.BigEndian.Uint64(b[16:]), nil
}

// round is one sound round of a journal file.
type round struct {
	floor   uint64
	payload []byte
}

// readRounds reads rounds until the first that is not of this use of the file,
// not the next in number, or not whole: there the file ended.
func readRounds(h journalHeader) []round {
	var out []round
	for off, n := int64(vfs.BlockSize), uint64(0); off+roundHeader <= int64(len(h.data)); n++ {
		b := h.data[off:]
		size := roundHeader + int64(binary.BigEndian.Uint32(b[32:]))
		if string(b[:8]) != roundMagic || binary.BigEndian.Uint64(b[8:]) != h.id || binary.BigEndian.Uint64(b[16:]) != n ||
			size > int64(len(b)) || roundSum(b[:size]) != binary.BigEndian.Uint32(b[36:]) {
			break
		}
		out = append(out, round{binary.BigEndian.Uint64(b[24:]), b[roundHeader:size]})
		off += blockCeil(size)
	}
	return out
}

// add takes in a round's entries. An entry that resets its partition voids the
// earlier ones at or after its base offset.
func (c *journalContents) add(r round) error {
	d := decoder{b: r.payload}
	for len(d.b) > 0 {
		var e journalEntry
		e.reset = d.u32()&entryReset != 0
		e.key.partition = int32(d.u32())
		copy(e.key.topic[:], d.take(16))
		e.base = d.i64()
		e.data = d.take(int(d.u32()))
		if d.short {
			return errors.New("an entry goes beyond its round")
		}
		list := c.entries[e.key]
		if e.reset {
			list = voided(list, e.base)
		}
		c.entries[e.key] = append(list, e)
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
