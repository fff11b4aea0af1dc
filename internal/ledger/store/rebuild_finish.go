package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/evidentlog/evident/internal/ledger/tree"
	"github.com/evidentlog/evident/internal/vfs"
)

// Prepare puts a copy of the old entries aside, and takes over most of what the tree
// has gained meanwhile, so that FinishRebuild has little left to do.
func (r *Rebuilding) Prepare() error {
	if err := r.putAside(); err != nil {
		return err
	}
	const little = 1 << 16
	for {
		head, _ := r.s.Head(r.id)
		if head.Size-r.tree.Size() < little {
			return nil
		}
		if err := r.catchUp(head); err != nil {
			return err
		}
	}
}

// putAside copies the old entries, durably.
func (r *Rebuilding) putAside() error {
	old, err := r.s.fs.Open(r.s.treeFile(r.id, entriesFile), 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer old.Close()
	err = withFile(r.s.fs, r.s.damagedFile(r.id), func(f vfs.File) error {
		if err := f.Truncate(0); err != nil {
			return err
		}
		if err := copyBytes(f, old, 0); err != nil {
			return err
		}
		return f.Sync()
	})
	if err != nil {
		return err
	}
	return r.s.fs.SyncDir(r.s.path(treesDir))
}

// copyBytes copies what a file has from a place on to the same place of another.
// A part that cannot be read is left out: what is damaged may be the disk.
func copyBytes(to, from vfs.File, at int64) error {
	size, err := from.Size()
	if err != nil {
		return err
	}
	for b := make([]byte, 1<<18); at < size; {
		part := b[:min(int64(len(b)), size-at)]
		n, err := from.ReadAt(part, at)
		if err == nil || errors.Is(err, io.EOF) && n > 0 {
			if _, err := to.WriteAt(part[:n], at); err != nil {
				return err
			}
		}
		at += int64(len(part))
	}
	return nil
}

// catchUp takes over entries that the tree has gained, if they lead to its head.
func (r *Rebuilding) catchUp(head Head) error {
	for from := r.tree.Size(); from < head.Size; from = r.tree.Size() {
		entries, err := r.s.ReadEntries(r.id, from, int(min(rebuildStep, head.Size-from)))
		if err != nil {
			return err
		}
		if _, err := r.file.WriteAt(entries, from*bundleEntry); err != nil {
			return err
		}
		r.tree = r.grown(entries)
	}
	if r.tree.Root() != head.Root {
		return fmt.Errorf("%w: entries that were added to %s meanwhile do not lead to its head at size %d: they are damaged, too; try again",
			ErrUnrebuilt, head.Origin, head.Size)
	}
	return nil
}

// FinishRebuild puts entries that were made again into their place, with all that was
// added meanwhile: in one step, so that a crash leaves the old ones or the new ones.
// The goroutine that commits calls it.
func (s *Store) FinishRebuild(r *Rebuilding) error {
	s.releases.Wait() // which may be about to write the tree's tail
	if err := s.Err(); err != nil {
		return err
	}
	if err := s.writeTail(r.id); err != nil {
		return s.fail(err)
	}
	head, _ := s.Head(r.id)
	if err := r.catchUp(head); err != nil {
		return err
	}
	if err := r.takeUnsigned(); err != nil {
		return err
	}
	if err := errors.Join(r.file.Sync(), r.file.Close()); err != nil {
		return err
	}
	r.file = nil
	s.readers.forget() // some systems rename over no file that is open
	if err := s.fs.Rename(s.rebuiltFile(r.id), s.treeFile(r.id, entriesFile)); err != nil {
		return s.fail(err)
	}
	s.readers.forget()
	if err := s.fs.SyncDir(s.path(treesDir)); err != nil {
		return s.fail(err)
	}
	return nil
}

// takeUnsigned takes over leaves in the old file that no head has yet.
func (r *Rebuilding) takeUnsigned() error {
	old, err := r.s.fs.Open(r.s.treeFile(r.id, entriesFile), 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(copyBytes(r.file, old, r.tree.Size()*bundleEntry), old.Close())
}

// WriteRebuiltHashes makes all hashes of the tree again, after FinishRebuild, and
// syncs them: of a tile that stays damaged they are not made of entries again.
func (s *Store) WriteRebuiltHashes(r *Rebuilding) error {
	t, size := &tree.Tree{}, r.tree.Size()
	var streams tree.Streams
	for from := int64(0); from < size; from += tree.TileWidth {
		to := min(size, from+tree.TileWidth)
		if h, ok := r.damaged[from/tree.TileWidth]; ok {
			t.AppendTile(h, &streams)
		} else {
			entries, err := s.ReadEntries(r.id, from, int(to-from))
			if err != nil {
				return err
			}
			r.grower.Append(t, leafHashes(entries), &streams)
		}
		if to < size && to%rebuildStep != 0 {
			continue
		}
		if err := s.WriteHashes(r.id, to, &streams); err != nil {
			return err
		}
		streams = tree.Streams{}
	}
	if t.Root() != r.tree.Root() {
		return fmt.Errorf("%w: %s: what was made again reads as something else", ErrCorrupt, s.treeFile(r.id, entriesFile))
	}
	return s.syncHashes(r.id, size)
}

func (s *Store) syncHashes(id TreeID, size int64) error {
	for level := 1; level < tree.Levels && size>>(level*tree.TileHeight) > 0; level++ {
		if err := withFile(s.fs, s.treeFile(id, hashesFile(level)), vfs.File.Sync); err != nil {
			return err
		}
	}
	return s.fs.SyncDir(s.path(treesDir))
}
