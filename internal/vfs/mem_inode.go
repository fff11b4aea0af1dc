package vfs

import (
	"io"
	"io/fs"
	"slices"
	"sync"
	"syscall"
	"time"
)

// block is the unit in which a disk writes, and in which a power cut takes or
// keeps.
type block [BlockSize]byte

// memInode is a file's contents, whatever its name.
//
// What a power cut would leave of a block that was written since the last Sync
// is kept beside it, until Sync. A block that was only appended to needs no
// copy: what was there before ends at synced.
type memInode struct {
	fs *Mem

	// users counts the entry and the open handles; the space is free when the
	// last has left. It is guarded by Mem.mu, as is locked.
	users  int
	locked bool

	// mu guards all below.
	mu      sync.RWMutex
	size    int64
	modTime time.Time
	// slots are the blocks, in order. Beyond the last there are only zeros,
	// and so there are in the last block beyond size.
	slots []slot
	// dirty are the indexes of the slots that are.
	dirty []int
	used  int // blocks that take space

	// synced is the size at the last Sync; low is the least that it was since,
	// so below low nothing was cut off.
	synced, low int64
}

// slot is one block of a file.
type slot struct {
	// cur is what reads see; nil is zeros. If it lies wholly below
	// memInode.synced, and is not saved, other filesystems may have it too
	// (see crash.file), and a write saves it before.
	cur *block
	// old, if saved, is what a power cut may leave instead; only its bytes
	// below memInode.synced count. It is never written to.
	old   *block
	saved bool
	// dirty says that cur was written, or cut off, since the last Sync.
	dirty bool
	// lost says that cur will never reach the disk: see Mem.LoseUnsynced.
	lost bool
}

// base is what was there at the last Sync, as far as synced reaches.
func (s *slot) base() *block {
	if s.saved {
		return s.old
	}
	return s.cur
}

func blocksIn(size int64) int { return int((size + BlockSize - 1) / BlockSize) }

// leave drops one user. The caller holds Mem.mu.
func (n *memInode) leave() {
	if n.users--; n.users > 0 {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.fs.release(n.used)
	n.used = 0
}

func (n *memInode) info(name string) fs.FileInfo {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return memInfo{name: name, size: n.size, mode: filePerm, modTime: n.modTime}
}

func (n *memInode) readAt(p []byte, off int64) (int, error) {
	if off >= n.size && len(p) > 0 {
		return 0, io.EOF
	}
	want := len(p)
	p = p[:min(int64(want), max(0, n.size-off))]
	for done := 0; done < len(p); {
		i, at := int((off+int64(done))/BlockSize), int((off+int64(done))%BlockSize)
		part := p[done:min(len(p), done+BlockSize-at)]
		if i < len(n.slots) && n.slots[i].cur != nil {
			copy(part, n.slots[i].cur[at:])
		} else {
			clear(part)
		}
		done += len(part)
	}
	if len(p) < want {
		return len(p), io.EOF
	}
	return len(p), nil
}

func (n *memInode) writeAt(p []byte, off int64) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if missing := blocksIn(off+int64(len(p))) - len(n.slots); missing > 0 {
		n.slots = slices.Grow(n.slots, missing)[:len(n.slots)+missing]
	}
	done := 0
	for done < len(p) {
		pos := off + int64(done)
		at := int(pos % BlockSize)
		part := p[done:min(len(p), done+BlockSize-at)]
		cur := n.writable(int(pos/BlockSize), at, len(part))
		if cur == nil {
			break
		}
		done += copy(cur[at:], part)
	}
	if done > 0 {
		n.size = max(n.size, off+int64(done))
		n.modTime = time.Now()
	}
	if done < len(p) {
		return done, syscall.ENOSPC
	}
	return done, nil
}

// writable returns block i to write length bytes to, from at on, after having
// saved what a power cut may bring back. It returns nil if there is no space.
func (n *memInode) writable(i, at, length int) *block {
	s := &n.slots[i]
	appends := int64(i)*BlockSize+int64(at) >= n.synced
	switch {
	case s.cur == nil:
		if !n.fs.reserve() {
			return nil
		}
		n.used++
		s.save()
		s.cur = new(block)
	case !s.saved && !appends:
		s.save()
		s.cur = new(block)
		if length < BlockSize {
			*s.cur = *s.old
		}
	}
	s.lost = false
	n.mark(i)
	return s.cur
}

// save keeps the block as it is for a power cut to bring back.
func (s *slot) save() {
	if !s.saved {
		s.old, s.saved = s.cur, true
	}
}

func (n *memInode) mark(i int) {
	if s := &n.slots[i]; !s.dirty {
		s.dirty = true
		n.dirty = append(n.dirty, i)
	}
}

func (n *memInode) truncate(size int64) {
	for i := blocksIn(size); i < len(n.slots); i++ {
		n.drop(i)
	}
	if at := int(size % BlockSize); at != 0 && size < n.size {
		n.zeroFrom(int(size/BlockSize), at)
	}
	n.size = size
	n.low = min(n.low, size)
	n.modTime = time.Now()
}

// drop gives block i back.
func (n *memInode) drop(i int) {
	s := &n.slots[i]
	if s.cur == nil {
		return
	}
	s.save()
	s.cur, s.lost = nil, false
	n.mark(i)
	n.used--
	n.fs.release(1)
}

// zeroFrom clears the rest of block i.
func (n *memInode) zeroFrom(i, at int) {
	if i < len(n.slots) && n.slots[i].cur != nil {
		clear(n.writable(i, at, BlockSize-at)[at:])
	}
}

// settle makes everything durable, apart from blocks that are lost.
func (n *memInode) settle() {
	for _, i := range n.dirty {
		s := &n.slots[i]
		s.old, s.saved, s.dirty = nil, false, false
	}
	n.settleSize()
}

// settleSize makes the size durable; no slot is dirty any more.
func (n *memInode) settleSize() {
	n.dirty = n.dirty[:0]
	n.synced, n.low = n.size, n.size
	if count := blocksIn(n.size); count < len(n.slots) {
		clear(n.slots[count:])
		n.slots = n.slots[:count]
	}
}
