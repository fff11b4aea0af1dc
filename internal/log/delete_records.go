package log

import "fmt"

// DeleteRecords raises the log start of partitions to the offsets given
// (KIP-107): what lies below can be read no more, also after a power cut, and
// segments that hold nothing else are removed. An offset at or below the log
// start changes nothing. It returns an error for each partition where that
// failed; it wraps ErrOffsetOutOfRange where the offset is not in
// [0, HighWatermark], ErrHeld where records are held, and says why the partition is stopped where it is.
func (l *Log) DeleteRecords(offsets map[*Partition]int64) map[*Partition]error {
	list := make([]*Partition, 0, len(offsets))
	for p := range offsets {
		list = append(list, p)
	}
	return l.shrink(list, func(p *Partition) (bool, error) { return p.raiseStart(offsets[p]) })
}

// raiseStart raises the log start to offset, and returns whether the checkpoint
// file does not have that yet. The maintenance lock is held.
func (p *Partition) raiseStart(offset int64) (bool, error) {
	if err := p.Err(); err != nil {
		return false, err
	}
	if hw := p.HighWatermark(); offset < 0 || offset > hw {
		return false, fmt.Errorf("%w: cannot delete the records below %d, the high watermark is %d", ErrOffsetOutOfRange, offset, hw)
	}
	if hold := p.hold(); offset > hold {
		return false, fmt.Errorf("%w: cannot delete the records below %d yet, those from %d on are still needed", ErrHeld, offset, hold)
	}
	if offset > p.LogStart() {
		if err := p.raise(offset); err != nil {
			return false, err
		}
	}
	known := p.firstBase()
	if c := p.log.lastCheckpoint(p.id.key()); c != nil {
		known = max(known, c.logStart)
	}
	return known < offset, nil
}

// raise first brings everything into the segments, since recovery looks for the
// log start there, and begins another if nothing would be left of the active one.
func (p *Partition) raise(offset int64) error {
	p.mu.Lock()
	if p.mu.err == nil && p.active().size > 0 && offset == p.active().next {
		p.roll()
	}
	p.mu.Unlock()
	if err := p.flush(); err != nil {
		return err
	}
	if err := p.ensureFile(p.below(offset)); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.logStart.Store(offset)
	p.mu.touched = true
	p.notify()
	return nil
}

// below is how many of the oldest segments hold nothing from offset on. The
// active segment is not among them.
func (p *Partition) below(offset int64) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for n < len(p.mu.segments)-1 && p.mu.segments[n].exact && p.mu.segments[n].next <= offset {
		n++
	}
	return n
}

// firstBase is the base offset of the oldest segment.
func (p *Partition) firstBase() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.segments[0].base
}
