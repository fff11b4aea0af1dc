package intake

import "sync"

// unread is the offset of a partition of which nothing was read.
const unread = -1

// A part is how far the index knows what is in a partition.
type part struct {
	mu struct {
		sync.Mutex
		next  int64 // behind what was read, or was acknowledged here
		doubt int64 // from where on something may be there that is not known; settled if nothing
	}
}

// settled says that there is no doubt. Offsets are not negative.
const settled = -1

func newPart() *part {
	p := new(part)
	p.mu.next, p.mu.doubt = unread, settled
	return p
}

// acked notes that something was written here at an offset.
func (p *part) acked(offset int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.next = max(p.mu.next, offset+1)
}

// end is behind all that is known to be there: what is written from now on is not before
// it.
func (p *part) end() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return max(p.mu.next, 0)
}

// doubted notes that something may have been written from an offset on that was not
// acknowledged.
func (p *part) doubted(from int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.doubt == settled || from < p.mu.doubt {
		p.mu.doubt = from
	}
}

// begin is from where on the partition has to be read; unread for all of it. What is
// doubted from now on is for the next time.
func (p *part) begin() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	from := p.mu.next
	if p.mu.doubt != settled && from != unread {
		from = p.mu.doubt
	}
	p.mu.doubt = settled
	return from
}

// read notes that all up to an end was read.
func (p *part) read(end int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.next = max(p.mu.next, end)
}

// failed notes that what was begun was not read.
func (p *part) failed(from int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case from == unread:
		p.mu.next = unread
	case p.mu.doubt == settled || from < p.mu.doubt:
		p.mu.doubt = from
	}
}
