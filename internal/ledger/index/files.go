package index

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/evidentlog/evident/internal/vfs"
)

// openPartition reads what there is of a partition. Whatever does not fit is
// removed, and so is what follows it: it is made again from the log.
func (ix *Index) openPartition(name Name, live int64) (*Partition, error) {
	p := &Partition{ix: ix, name: name, dir: ix.cfg.Dir + "/" + name.folder()}
	blocks, err := p.readFolder(live)
	if err != nil {
		return nil, err
	}
	p.mu.blocks, p.mu.live, p.mu.growing = blocks, live, &slice{}
	if n := len(blocks); n > 0 {
		p.mu.growing.first, p.mu.growing.next = blocks[n-1].next, blocks[n-1].next
	}
	return p, nil
}

// A named file is one that may be a block.
type named struct {
	name                 string
	first, next, version int64
}

// readFolder returns the blocks up to an offset, and removes all else.
func (p *Partition) readFolder(live int64) ([]*block, error) {
	list, err := p.ix.cfg.FS.ReadDir(p.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // its first block makes it
	}
	if err != nil {
		return nil, err
	}
	p.made = true // and durable: its name was synced then, or by Keep at the start
	var files []named
	for _, e := range list {
		if first, next, version, ok := parseBlockName(e.Name()); ok {
			files = append(files, named{p.dir + "/" + e.Name(), first, next, version})
			p.mu.version = max(p.mu.version, version)
		}
	}
	// A file that covers others comes before them, the newer of equals first.
	slices.SortFunc(files, func(a, b named) int {
		return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(b.next, a.next), cmp.Compare(b.version, a.version))
	})
	blocks, err := p.openBlocks(files, live)
	if err != nil {
		return nil, err
	}
	kept := map[string]bool{}
	for _, b := range blocks {
		kept[b.name] = true
	}
	return blocks, removeFiles(p.ix.cfg.FS, p.dir, func(name string) bool { return !kept[name] })
}

func (p *Partition) openBlocks(files []named, live int64) (blocks []*block, err error) {
	at := int64(-1)
	for _, f := range files {
		switch {
		case at >= 0 && f.next <= at:
			continue // it was merged, or written again
		case at >= 0 && f.first != at, f.next > live:
			return blocks, nil
		}
		b, err := openBlock(p.ix.cfg.FS, f.name)
		if err == nil && (b.first != f.first || b.next != f.next) {
			err = fmt.Errorf("%w: %s has offsets %d to %d", ErrCorrupt, f.name, b.first, b.next)
		}
		if errors.Is(err, ErrCorrupt) {
			p.ix.cfg.Logger.Error("a part of the index is damaged, and is made again from the log",
				"topic", p.name.Topic, "partition", p.name.Partition, "error", err)
			return blocks, nil
		}
		if err != nil {
			return nil, err
		}
		blocks, at = append(blocks, b), f.next
	}
	return blocks, nil
}

// makeFolder makes the partition's folder durable before its first block: many
// partitions have none for long, and a sync each would hold up the start.
func (p *Partition) makeFolder() error {
	if p.made {
		return nil
	}
	if err := p.ix.cfg.FS.MkdirAll(p.dir); err != nil {
		return err
	}
	err := p.ix.cfg.FS.SyncDir(p.ix.cfg.Dir)
	p.made = err == nil
	return err
}

// removeFolder removes a folder of blocks.
func removeFolder(fsys vfs.FS, dir string) error {
	if err := removeFiles(fsys, dir, func(string) bool { return true }); err != nil {
		return err
	}
	return fsys.RemoveAll(dir)
}

// removeFiles removes some files of a folder, which need not be there.
func removeFiles(fsys vfs.FS, dir string, which func(name string) bool) error {
	list, err := fsys.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	removed := false
	for _, e := range list {
		if name := dir + "/" + e.Name(); which(name) {
			if err := shred(fsys, name); err != nil {
				return err
			}
			removed = true
		}
	}
	if !removed {
		return nil
	}
	return fsys.SyncDir(dir)
}

// shred removes a file whose slots nobody is to find on the disk any more: it is
// overwritten first.
func shred(fsys vfs.FS, name string) error {
	err := withFile(fsys, name, vfs.Write, func(f vfs.File) error {
		size, err := f.Size()
		zeros := make([]byte, min(size, pagesAtATime*pageSize))
		for at := int64(0); at < size && err == nil; at += int64(len(zeros)) {
			_, err = f.WriteAt(zeros[:min(int64(len(zeros)), size-at)], at)
		}
		if err != nil {
			return err
		}
		return f.Sync()
	})
	if err != nil {
		return err
	}
	return fsys.Remove(name)
}
