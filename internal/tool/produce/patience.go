package produce

import (
	"sync"
	"time"
)

// patience runs out when records are under way and none has been acknowledged
// for a while. The client's own limit for that, kgo.RecordDeliveryTimeout,
// counts from a record's timestamp, which the input may have set to years ago.
type patience struct {
	limit time.Duration

	mu       sync.Mutex
	underWay int
	timer    *time.Timer // runs while underWay > 0
}

// newPatience makes a patience that calls over when it runs out.
func newPatience(limit time.Duration, over func()) *patience {
	p := &patience{limit: limit, timer: time.AfterFunc(limit, over)}
	p.timer.Stop()
	return p
}

// sent says that a record is under way.
func (p *patience) sent() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.underWay++
	if p.underWay == 1 {
		p.timer.Reset(p.limit)
	}
}

// done says that a record is no longer under way.
func (p *patience) done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.underWay--
	if p.underWay == 0 {
		p.timer.Stop()
		return
	}
	p.timer.Reset(p.limit)
}
