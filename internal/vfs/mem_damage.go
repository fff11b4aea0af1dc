package vfs

import (
	"fmt"
	"io/fs"
	"syscall"
)

// FlipBit flips the lowest bit of the byte at off, on the disk as in reads, as
// a failing disk does. A power cut does not bring it back.
func (m *Mem) FlipBit(name string, off int64) error {
	return m.damage("flip bit", name, func(n *memInode) error {
		if off < 0 || off >= n.size {
			return fmt.Errorf("offset %d is not within the %d bytes: %w", off, n.size, syscall.EINVAL)
		}
		i, at := int(off/BlockSize), int(off%BlockSize)
		if i >= len(n.slots) || n.slots[i].cur == nil {
			return fmt.Errorf("nothing was written at offset %d: %w", off, syscall.EINVAL)
		}
		s := &n.slots[i]
		s.cur = flipped(s.cur, at)
		if s.old != nil {
			s.old = flipped(s.old, at)
		}
		return nil
	})
}

func flipped(b *block, at int) *block {
	c := *b
	c[at] ^= 1
	return &c
}

// LoseUnsynced is what Linux does when an fsync fails: what was written since
// the last Sync still reads back, later Syncs succeed, and yet it never
// reaches the disk, unless written again. The file's size does reach it; where
// lost blocks lie within, the disk has what was there before, or zeros.
//
// It is meant for a hook of [Faulty] that fails OpSync.
func (m *Mem) LoseUnsynced(name string) error {
	return m.damage("lose", name, func(n *memInode) error {
		for _, i := range n.dirty {
			n.slots[i].lose(i, n.low)
		}
		n.settleSize()
		return nil
	})
}

// lose gives up what was written to the slot, which is the file's block i, of
// which the disk has what lies below end.
func (s *slot) lose(i int, end int64) {
	s.dirty = false
	if s.cur == nil { // cut off, and the size stands
		s.old, s.saved = nil, false
		return
	}
	s.old, s.saved, s.lost = cutBlock(s.base(), i, end), true, true
}

// Evict drops from the cache what [Mem.LoseUnsynced] lost: from now on reads
// see what is on the disk.
func (m *Mem) Evict(name string) error {
	return m.damage("evict", name, func(n *memInode) error {
		for i := range n.slots {
			n.evict(&n.slots[i])
		}
		return nil
	})
}

func (n *memInode) evict(s *slot) {
	if !s.lost {
		return
	}
	if s.old == nil {
		n.used--
		n.fs.release(1)
	}
	*s = slot{cur: s.old}
}

// damage runs do on a file's contents.
func (m *Mem) damage(op, name string, do func(*memInode) error) error {
	return m.look(op, name, func(at place) error {
		n, ok := at.entry().(*memInode)
		if !ok {
			return fs.ErrNotExist
		}
		n.mu.Lock()
		defer n.mu.Unlock()
		return do(n)
	})
}
