package anchor

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/proof"
)

// storeHeader begins the file of receipts.
const storeHeader = "evident receipts 1\n"

// ErrCorrupt says that the file of receipts is not as it was written.
var ErrCorrupt = errors.New("the receipts of anchors are damaged")

// A Store keeps receipts for ever, in a file that only grows: the newest frame
// of a checkpoint and a kind counts. Memory holds where each one is. All methods
// may be called by any goroutine.
type Store struct {
	file vfs.File

	mu struct {
		sync.RWMutex
		end    int64
		kinds  map[string][]place // in the order of sizes
		failed error              // after which nothing is known of the file's end
	}
}

// A place is where a receipt is in the file.
type place struct {
	size      int64
	root      proof.Hash
	submitted time.Time
	state     State
	at        int64 // of the body
	length    int
}

// OpenStore opens the file of receipts, and makes it if there is none.
func OpenStore(fsys vfs.FS, name string) (*Store, error) {
	file, err := fsys.Open(name, vfs.Write|vfs.Create)
	if err != nil {
		return nil, err
	}
	s := &Store{file: file}
	s.mu.kinds = map[string][]place{}
	if err := s.load(fsys); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), file.Close())
	}
	return s, nil
}

// Close closes the file.
func (s *Store) Close() error { return s.file.Close() }

func (s *Store) load(fsys vfs.FS) error {
	size, err := s.file.Size()
	if err != nil {
		return err
	}
	b := make([]byte, size)
	if _, err := s.file.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if len(b) < len(storeHeader) && string(b) == storeHeader[:len(b)] || allZero(b) {
		return s.create(fsys)
	}
	if len(b) < len(storeHeader) || string(b[:len(storeHeader)]) != storeHeader {
		return fmt.Errorf("%w: it begins with %.40q, and this program knows %q only: was it written by a newer version?", ErrCorrupt, b, storeHeader)
	}
	if err := s.index(b); err != nil {
		return err
	}
	return s.file.Truncate(s.mu.end) // a frame that a power cut has torn, which nobody was told of
}

// create makes a new file, also where a power cut has left less than its header.
func (s *Store) create(fsys vfs.FS) error {
	if err := s.file.Truncate(0); err != nil {
		return err
	}
	_, err := s.file.WriteAt([]byte(storeHeader), 0)
	s.mu.end = int64(len(storeHeader))
	return errors.Join(err, s.file.Sync(), fsys.SyncDir(filepath.Dir(s.file.Name())))
}

// index notes where receipts are. What cannot be read at the end was torn; in
// the middle it is damage.
func (s *Store) index(b []byte) error {
	at := len(storeHeader)
	for at < len(b) {
		body, err := frameAt(b, at)
		if err != nil {
			if wholeAfter(b, at+1) {
				return fmt.Errorf("%w: the frame at %d: %w", ErrCorrupt, at, err)
			}
			break
		}
		f, err := decodeFrame(body)
		if err != nil {
			return fmt.Errorf("%w: the frame at %d: %w", ErrCorrupt, at, err)
		}
		s.note(f, int64(at+frameHead), len(body))
		at += frameHead + len(body)
	}
	s.mu.end = int64(at)
	return nil
}

// frameAt returns the body of the frame at a place.
func frameAt(b []byte, at int) ([]byte, error) {
	if len(b) < at+frameHead {
		return nil, errTorn
	}
	length, sum := binary.BigEndian.Uint32(b[at:]), binary.BigEndian.Uint32(b[at+4:])
	if length < fixedBody || length > maxBody || int(length) > len(b)-at-frameHead {
		return nil, errTorn
	}
	body := b[at+frameHead : at+frameHead+int(length)]
	if crc32.Checksum(body, castagnoli) != sum {
		return nil, errTorn
	}
	return body, nil
}

// wholeAfter tells whether there is a whole frame somewhere behind a place: one
// is begun only when the one before it is synced.
func wholeAfter(b []byte, from int) bool {
	for at := from; at+frameHead < len(b); at++ {
		if _, err := frameAt(b, at); err == nil {
			return true
		}
	}
	return false
}

func allZero(b []byte) bool {
	return !slices.ContainsFunc(b, func(x byte) bool { return x != 0 })
}

// note puts a frame into the index. The caller holds mu, or is alone.
func (s *Store) note(f *frame, at int64, length int) {
	p := place{f.size, f.root, f.submitted, f.State, at, length}
	list := s.mu.kinds[f.kind]
	i, found := slices.BinarySearchFunc(list, f.size, func(p place, size int64) int { return cmp.Compare(p.size, size) })
	if found {
		list[i] = p
		return
	}
	s.mu.kinds[f.kind] = slices.Insert(list, i, p)
}

// Put makes a receipt durable. It takes the place of an earlier one of the same
// kind for the same checkpoint.
func (s *Store) Put(kind string, c proof.Checkpoint, submitted time.Time, r Receipt) error {
	f := &frame{kind, c.Size, c.Root, submitted, r}
	b, err := f.encode()
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.failed != nil {
		return s.mu.failed
	}
	_, err = s.file.WriteAt(b, s.mu.end)
	if err == nil {
		err = s.file.Sync()
	}
	if err != nil {
		s.mu.failed = fmt.Errorf("receipts are kept no more until the node is started again: %w", err)
		return s.mu.failed
	}
	s.note(f, s.mu.end+frameHead, len(b)-frameHead)
	s.mu.end += int64(len(b))
	return nil
}

// read returns the receipt at a place, checked again: it may have rotted since the
// file was opened.
func (s *Store) read(p place) (*frame, error) {
	b := make([]byte, frameHead+p.length)
	if n, err := s.file.ReadAt(b, p.at-frameHead); n < len(b) {
		return nil, fmt.Errorf("%w: size %d: %w", ErrCorrupt, p.size, err)
	}
	body, err := frameAt(b, 0)
	if err != nil {
		return nil, fmt.Errorf("%w: size %d: the frame at %d: %w", ErrCorrupt, p.size, p.at-frameHead, err)
	}
	return decodeFrame(body)
}
