package log

import (
	"errors"
	"time"
)

// flushGroup is how many partitions are flushed at once in the background. They
// share a commit of the filesystem's own journal, but the commits that appends
// wait for have to share the disk with all of them.
const flushGroup = 16

// flushRest is how long the disk is left to the commits that appends wait for
// after a group has been flushed in the time took, where the part used of the
// journal's space is taken.
func flushRest(took time.Duration, used float64) time.Duration {
	switch {
	case used <= 0.5: // as long as files are filled no faster than this, latency hardly feels it
		return min(10*took, 50*time.Millisecond)
	case used <= 0.75:
		return min(took, 5*time.Millisecond)
	}
	return 0
}

// flush brings the partitions' bytes in journal files up to id into their
// segments, except of partitions that are stopped. It gives up when the log is
// being closed, which flushes them too.
func (j *journal) flush(list []*Partition, id uint64) {
	for len(list) > 0 && !j.log.isClosed() {
		began := time.Now()
		group := list[:min(flushGroup, len(list))]
		list = list[len(group):]
		if flushAll(group, id) {
			time.Sleep(flushRest(time.Since(began), j.used()))
		}
	}
}

// flushAll flushes a group of partitions at once and returns whether any needed
// it. Their index entries are written too, so that the next checkpoint, which
// looks at all partitions in one go, finds that done.
func flushAll(group []*Partition, id uint64) bool {
	var started []*Partition
	results := make(chan error, len(group))
	for _, p := range group {
		if p.startFlush(id, func(err error) { results <- err }) {
			started = append(started, p)
		}
	}
	for range started {
		<-results // an error stops the partition, which tells of it
	}
	for _, p := range started {
		m := p.flushedMark()
		p.saveIndex(&m)
	}
	return len(started) > 0
}

func (p *Partition) flushedMark() mark {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.flushed
}

// startFlush begins a flush if the partition has bytes in journal files up to
// id and is in service.
func (p *Partition) startFlush(id uint64, done func(error)) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.inJournal(id) || p.mu.err != nil {
		return false
	}
	p.flushThen(done)
	return true
}

// inJournal tells whether bytes in journal files up to id are not flushed yet.
// The lock is held.
func (p *Partition) inJournal(id uint64) bool {
	j := p.mu.commit.journal
	return j != 0 && j <= id
}

// waitFlushed flushes the partition, and returns true when it needs the journal
// files up to id no more. One that is stopped is waited for: it is repaired,
// which flushes it, or deleted. False means that it was closed before.
func (p *Partition) waitFlushed(id uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.inJournal(id) && !p.mu.closed {
		if p.mu.err != nil {
			p.room.Wait()
			continue
		}
		ch := make(chan error, 1)
		p.flushThen(func(err error) { ch <- err })
		p.mu.Unlock()
		<-ch
		p.mu.Lock()
	}
	return !p.inJournal(id) || errors.Is(p.mu.err, ErrDeleted)
}
