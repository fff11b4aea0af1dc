package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"sync"

	"github.com/evidentlog/evident/internal/ledger/tree"
	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/proof"
)

// ErrCorrupt says that files are not as they were written.
var ErrCorrupt = errors.New("the ledger's files are damaged")

// ErrUsed says that another node uses the folder.
var ErrUsed = errors.New("another node uses this ledger")

const (
	formatFile = "format"
	formatLine = "evident ledger 1\n"
	lockFile   = "lock"

	// defaultJournal is the size in bytes of a journal file that is released.
	defaultJournal = 64 << 20
)

// Config says where a store is.
type Config struct {
	FS  vfs.FS
	Dir string
	// JournalBytes is the size at which a journal file is released; 64 MiB if 0.
	JournalBytes int64
}

// A Store is an open ledger folder.
type Store struct {
	fs    vfs.FS
	dir   string
	limit int64
	lock  io.Closer
	// readers are of files of trees and of the root log.
	readers *readers
	// tails are leaves that readers find, and the files of trees lack.
	tails *tails

	// Owned by the goroutine that commits.
	journal  journal
	round    uint64
	rootTree *tree.Tree
	rootEnd  int64
	linker   linker
	dirty    map[TreeID]bool // written since the journal file began
	unlinked bool            // files were made whose names are not synced
	releases sync.WaitGroup  // the release that is under way, if any
	written  map[TreeID]bool // has files

	mu struct {
		sync.RWMutex
		byOrigin map[string]TreeID // all trees
		changes  int64             // of byOrigin
		heads    map[TreeID]*Head  // replaced, never changed
		opened   []openedTree      // in no round yet
		next     TreeID            // that is free
		rootSize int64
		rootHash proof.Hash
		erasures map[TreeID][]*Erasure // by root index
		failed   error
	}
}

// Open opens the ledger in a folder, and makes it if there is none. What the
// journal has is put in its places first.
func Open(cfg Config) (_ *Store, err error) {
	s := newStore(cfg.FS, cfg.Dir, cfg.JournalBytes)
	if err := s.makeFolders(); err != nil {
		return nil, err
	}
	s.lock, err = s.fs.Lock(s.path(lockFile))
	if errors.Is(err, vfs.ErrLocked) {
		return nil, fmt.Errorf("%w: %s", ErrUsed, s.dir)
	}
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.readers.close()
			err = errors.Join(err, s.journal.close(), s.lock.Close())
		}
	}()
	if err := s.checkFormat(); err != nil {
		return nil, err
	}
	return s, s.recover()
}

func newStore(fsys vfs.FS, dir string, limit int64) *Store {
	s := &Store{fs: fsys, dir: dir, limit: limit, dirty: map[TreeID]bool{}, written: map[TreeID]bool{}}
	s.readers, s.tails = newReaders(fsys), newTails()
	s.mu.byOrigin, s.mu.next = map[string]TreeID{}, 1
	s.mu.erasures = map[TreeID][]*Erasure{}
	if s.limit == 0 {
		s.limit = defaultJournal
	}
	s.journal = journal{fs: s.fs, dir: s.path(journalDir)}
	return s
}

func (s *Store) path(name string) string { return s.dir + "/" + name }

func (s *Store) makeFolders() error {
	for _, dir := range []string{journalDir, rootDir, treesDir} {
		if err := s.fs.MkdirAll(s.path(dir)); err != nil {
			return err
		}
	}
	// Not only when they are new: whoever made them may not have come to this.
	return errors.Join(s.fs.SyncDir(s.dir), s.fs.SyncDir(filepath.Dir(s.dir)))
}

// checkFormat refuses folders of other versions. The format file is the last
// thing that is made of a new folder.
func (s *Store) checkFormat() error {
	b, err := readFile(s.fs, s.path(formatFile))
	if errors.Is(err, fs.ErrNotExist) {
		return s.replaceFile(formatFile, []byte(formatLine))
	}
	if err == nil && string(b) != formatLine {
		return fmt.Errorf("%s is %q, and this program knows %q only: was it written by a newer version?", s.path(formatFile), b, formatLine)
	}
	return err
}

// recover reads the state and replays the journal.
func (s *Store) recover() error {
	st, err := s.readState()
	if err != nil {
		return err
	}
	s.round = st.round
	s.mu.heads = st.trees
	for id, h := range st.trees {
		s.mu.byOrigin[h.Origin], s.written[id] = id, true
		s.mu.next = max(s.mu.next, id+1)
	}
	s.learnNewest(st.trees)
	if err := s.openRoot(st.root, st.rootHash); err != nil {
		return err
	}
	if err := errors.Join(s.readGone(st.gone), s.readErasures(st.erased)); err != nil {
		return err
	}
	next, err := s.replay(st)
	if err != nil {
		return err
	}
	s.publish(nil)
	if err := s.release(next); err != nil {
		return err
	}
	// What was read of the journal may never have been synced: a process that was
	// killed, or a sync that failed, leaves it in the machine's memory. Nothing of it
	// is signed before it is durable in its places.
	s.releases.Wait()
	return s.Err()
}

// replay applies the journal files that the state leaves over. None may be
// missing: rounds that were signed would be done again in another way. It
// returns the id of the file to go on in.
func (s *Store) replay(st *state) (next uint64, err error) {
	ids, err := s.journal.ids()
	if err != nil {
		return 0, err
	}
	next = st.journal
	for i, id := range ids {
		if id < st.journal {
			continue // released, and not yet removed
		}
		if id != next {
			break
		}
		if err := s.journal.replay(id, i == len(ids)-1, s.apply); err != nil {
			return 0, err
		}
		next = id + 1
	}
	missing := st.found && next == st.journal
	if len(ids) > 0 && ids[len(ids)-1] >= next || missing {
		return 0, fmt.Errorf("%w: %s is missing", ErrCorrupt, s.journal.name(next))
	}
	return next, nil
}

// apply puts the content of a round that was read in its places, unsynced.
func (s *Store) apply(f *frame) error {
	if f.number <= s.round {
		return nil // released already
	}
	if f.number != s.round+1 {
		return fmt.Errorf("%w: the journal has round %d after round %d", ErrCorrupt, f.number, s.round)
	}
	s.adopt(f.opened)
	roots, err := parseRoots(f.roots)
	if err != nil {
		return err
	}
	heads, err := s.headsOf(roots)
	if err != nil {
		return err
	}
	return s.put(f, roots, heads)
}

// put puts the content of a round in its places, with its entries of the root log
// as they were read, and the heads in them.
func (s *Store) put(f *frame, roots []proof.RootEntry, heads map[TreeID]*Head) error {
	for i := range f.chunks {
		if err := s.place(&f.chunks[i]); err != nil {
			return err
		}
	}
	first := s.rootTree.Size()
	if err := s.growRoot(f.roots, roots); err != nil {
		return err
	}
	if err := s.eraseFor(first, roots); err != nil {
		return err
	}
	s.round = f.number
	s.publish(heads)
	return nil
}

func (s *Store) adopt(opened []openedTree) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range opened {
		s.mu.byOrigin[o.origin] = o.id
		s.mu.changes++
		s.mu.next = max(s.mu.next, o.id+1)
		if s.mu.heads[o.id] == nil { // its first head may be in a later round
			s.mu.heads[o.id] = noHead(o.origin)
		}
	}
}

// headsOf returns the heads that new entries of the root log have.
func (s *Store) headsOf(roots []proof.RootEntry) (map[TreeID]*Head, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	heads := make(map[TreeID]*Head, len(roots))
	for i := range roots {
		e := &roots[i]
		id, ok := s.mu.byOrigin[e.Checkpoint.Origin]
		if !ok {
			return nil, fmt.Errorf("%w: a head of %s, and no such tree was opened", ErrCorrupt, e.Checkpoint.Origin)
		}
		before := heads[id]
		if before == nil {
			before = s.mu.heads[id]
		}
		// Records of a tree that has ended may be erased, which does not begin it again.
		closed := e.Kind == proof.ClosedEntry || e.Kind == proof.ErasedEntry && before.Closed
		heads[id] = &Head{e.Checkpoint, s.rootTree.Size() + int64(i), closed}
	}
	return heads, nil
}

// publish lets readers see what is durable.
func (s *Store) publish(heads map[TreeID]*Head) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.Copy(s.mu.heads, heads)
	s.mu.rootSize, s.mu.rootHash = s.rootTree.Size(), s.rootTree.Root()
}

// Find returns the number of the tree with an origin.
func (s *Store) Find(origin string) (TreeID, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	id, ok := s.mu.byOrigin[origin]
	return id, ok
}

// Changes is a number that is another whenever a tree has come, or has gone because
// the store was opened again before the tree was durable.
func (s *Store) Changes() int64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.mu.changes
}

// Create gives an origin a tree, or returns the one that it has. It is durable
// with the next round.
func (s *Store) Create(origin string) TreeID {
	s.mu.Lock()
	defer s.mu.Unlock()
	if id, ok := s.mu.byOrigin[origin]; ok {
		return id
	}
	id := s.mu.next
	s.mu.next++
	s.mu.byOrigin[origin] = id
	s.mu.changes++
	s.mu.opened = append(s.mu.opened, openedTree{id, origin})
	s.mu.heads[id] = noHead(origin)
	return id
}

// noHead is the head of a tree that has none yet.
func noHead(origin string) *Head {
	return &Head{Checkpoint: proof.Checkpoint{Origin: origin, Root: (&tree.Tree{}).Root()}, RootIndex: -1}
}

// Head returns the newest head of a tree that is durable. A tree that has none
// yet has size 0 and root index -1.
func (s *Store) Head(id TreeID) (Head, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	h, ok := s.mu.heads[id]
	if !ok {
		return Head{}, false
	}
	return *h, true
}

// Heads returns the heads of all trees.
func (s *Store) Heads() map[TreeID]Head {
	s.mu.RLock()
	defer s.mu.RUnlock()
	heads := make(map[TreeID]Head, len(s.mu.heads))
	for id, h := range s.mu.heads {
		heads[id] = *h
	}
	return heads
}

// fail stops the store until it is opened again. It returns the error that did so.
func (s *Store) fail(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.failed == nil {
		s.mu.failed = fmt.Errorf("the ledger's store has stopped: %w", err)
	}
	return s.mu.failed
}

// Err returns why the store stopped, nil if it has not.
func (s *Store) Err() error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.mu.failed
}

// Close releases what the journal has, and the folder.
func (s *Store) Close() error {
	var err error
	if s.Err() == nil {
		err = s.rotate()
	}
	s.releases.Wait()
	s.readers.close()
	return errors.Join(err, s.Err(), s.journal.close(), s.lock.Close())
}
