package checkpoints

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"path/filepath"
	"sort"
	"sync"

	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/proof"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// What a slot has beside signatures.
const (
	slotHead = 8 + len(proof.Hash{}) // size and root hash
	slotSum  = 4                     // CRC32C of all before
)

// slots is a file of signatures by the same keys: one slot for each checkpoint
// that they signed, in the order of sizes.
type slots struct {
	header
	file vfs.File
	size int64 // of a slot, in bytes

	rotten error // what was found of the last slot when the file was opened

	writing sync.Mutex // held while a slot is written
	mu      struct {
		sync.Mutex
		count int64 // of slots that are durable
		last  entry
		fail  bool // nobody knows what is behind the last durable slot
	}
}

// An entry is what a slot has.
type entry struct {
	size       int64
	root       proof.Hash
	signatures [][]byte // of each key, without its id
}

// create makes a file in one step: one that is there has its header.
func create(fsys vfs.FS, name string, h header) error {
	b, err := h.encode()
	if err != nil {
		return err
	}
	f, err := fsys.Open(name+".next", vfs.Write|vfs.Create)
	if err != nil {
		return err
	}
	err = f.Truncate(0) // of an attempt that was cut off
	if err == nil {
		_, err = f.WriteAt(b, 0)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := fsys.Rename(name+".next", name); err != nil {
		return err
	}
	return fsys.SyncDir(filepath.Dir(name))
}

// open opens a file that create made, and cuts off a slot that was not written
// to its end.
func open(fsys vfs.FS, name string) (*slots, error) {
	f, err := fsys.Open(name, vfs.Write)
	if err != nil {
		return nil, err
	}
	s, err := readSlots(fsys, f)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), f.Close())
	}
	return s, nil
}

func readSlots(fsys vfs.FS, f vfs.File) (*slots, error) {
	b := make([]byte, headerSize)
	if _, err := f.ReadAt(b, 0); err != nil {
		return nil, fmt.Errorf("%w: the header cannot be read: %w", ErrCorrupt, err)
	}
	h, err := decodeHeader(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	s := &slots{header: *h, file: f, size: int64(slotHead + slotSum)}
	for _, k := range h.keys {
		s.size += int64(signatureSize(k.Algorithm()))
	}
	return s, s.recover(fsys)
}

func (s *slots) position(i int64) int64 { return headerSize + i*s.size }

// at reads a slot. That before the first is empty: no checkpoint is smaller.
func (s *slots) at(i int64) (entry, error) {
	if i < 0 {
		return entry{size: -1}, nil
	}
	b := make([]byte, s.size)
	if _, err := s.file.ReadAt(b, s.position(i)); err != nil {
		return entry{}, fmt.Errorf("%s: checkpoint %d: %w", s.file.Name(), i, err)
	}
	content, sum := b[:s.size-slotSum], b[s.size-slotSum:]
	if crc32.Checksum(content, castagnoli) != binary.BigEndian.Uint32(sum) {
		return entry{}, fmt.Errorf("%w: %s: checkpoint %d, at byte %d: its checksum is wrong", ErrCorrupt, s.file.Name(), i, s.position(i))
	}
	e := entry{size: int64(binary.BigEndian.Uint64(content)), root: proof.Hash(content[8:slotHead])}
	rest := content[slotHead:]
	for _, k := range s.keys {
		n := signatureSize(k.Algorithm())
		e.signatures = append(e.signatures, rest[:n])
		rest = rest[n:]
	}
	return e, nil
}

// search returns the first slot whose checkpoint is at least so large; the
// number of slots if none is.
func (s *slots) search(size int64) (int64, error) {
	count, last := s.end()
	switch {
	case count == 0, size > last.size:
		return count, nil
	case size == last.size:
		return count - 1, nil
	}
	var failed error
	i := sort.Search(int(count), func(i int) bool {
		if failed != nil {
			return true
		}
		e, err := s.at(int64(i))
		failed = err
		return e.size >= size
	})
	return int64(i), failed
}

// end returns how many slots there are, and the last of them.
func (s *slots) end() (count int64, last entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.count, s.mu.last
}

// add makes an entry durable. The caller holds s.writing, and knows that the
// entry is larger than the last one.
func (s *slots) add(e entry) error {
	if err := s.mend(); err != nil {
		return err
	}
	b := binary.BigEndian.AppendUint64(make([]byte, 0, s.size), uint64(e.size))
	b = append(b, e.root[:]...)
	for _, sig := range e.signatures {
		b = append(b, sig...)
	}
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	count, _ := s.end()
	_, err := s.file.WriteAt(b, s.position(count))
	if err == nil {
		err = s.file.Sync()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.mu.fail = true
		return fmt.Errorf("keeping a checkpoint: %w", err)
	}
	s.mu.count, s.mu.last = count+1, e
	return nil
}

// mend cuts off what a write or a sync that failed may have left behind the last
// durable slot. The caller holds s.writing.
func (s *slots) mend() error {
	s.mu.Lock()
	fail, count := s.mu.fail, s.mu.count
	s.mu.Unlock()
	if !fail {
		return nil
	}
	if err := errors.Join(s.file.Truncate(s.position(count)), s.file.Sync()); err != nil {
		return fmt.Errorf("keeping a checkpoint, after it has failed: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.fail = false
	return nil
}
