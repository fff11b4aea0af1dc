package group

import (
	"context"
	"errors"
	"sync"
	"syscall"
	"time"
)

// fresh is how long the answer of a member is good for.
const fresh = 200 * time.Millisecond

// A Prober asks nodes whether they live, for all groups of this one. It is safe for
// concurrent use.
type Prober struct {
	probe func(ctx context.Context, base string) error
	now   func() time.Time

	mu    sync.Mutex
	known map[string]*answer // by base URL
}

// answer is a node's last one.
type answer struct {
	at      time.Time
	refused bool
	done    chan struct{} // closed when it is there
}

// NewProber makes a prober that asks with probe, which may take up to a second.
func NewProber(probe func(ctx context.Context, base string) error) *Prober {
	return &Prober{probe: probe, now: time.Now, known: map[string]*answer{}}
}

// Refused tells whether a node's address refuses connections: its machine is there, and
// no process listens. Any other failure says nothing.
func (p *Prober) Refused(ctx context.Context, base string) bool {
	p.mu.Lock()
	a := p.known[base]
	mine := a == nil || isClosed(a.done) && p.now().Sub(a.at) >= fresh
	if mine {
		p.forget()
		a = &answer{done: make(chan struct{})}
		p.known[base] = a
	}
	p.mu.Unlock()
	if mine {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		a.refused = errors.Is(p.probe(ctx, base), syscall.ECONNREFUSED)
		cancel()
		a.at = p.now()
		close(a.done)
	}
	select {
	case <-a.done:
		return a.refused
	case <-ctx.Done():
		return false
	}
}

// forget drops answers that nobody will ask for. The caller has mu.
func (p *Prober) forget() {
	for base, a := range p.known {
		if isClosed(a.done) && p.now().Sub(a.at) > time.Minute {
			delete(p.known, base)
		}
	}
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
