package live

import (
	"context"
	"slices"
	"sync"
	"time"
)

const (
	// ownReaders is how many readers that are behind fetch at once, or keep what they
	// have fetched.
	ownReaders = 64
	// rested is how long a reader may leave alone what it has fetched before another
	// one gets its place. It fetches again what it had not returned.
	rested = time.Second
)

// A place is what a reader has fetched by itself and not returned. The places' mutex
// guards it.
type place struct {
	frames  []*Frame
	touched time.Time
}

// places bound what all readers that are behind have fetched.
type places struct {
	free chan struct{} // one in it for each place that is held

	mu struct {
		sync.Mutex
		held []*place
	}
}

func newPlaces() *places { return &places{free: make(chan struct{}, ownReaders)} }

// get waits for a place. There is none if quiet fires before.
func (ps *places) get(ctx context.Context, quiet <-chan time.Time) (*place, error) {
	for {
		again := time.NewTimer(rested)
		select {
		case ps.free <- struct{}{}:
			again.Stop()
			return ps.hold(), nil
		case <-again.C:
			ps.reclaim()
		case <-quiet:
			again.Stop()
			return nil, nil
		case <-ctx.Done():
			again.Stop()
			return nil, context.Cause(ctx)
		}
	}
}

func (ps *places) hold() *place {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p := &place{}
	ps.mu.held = append(ps.mu.held, p)
	return p
}

// reclaim frees the places of readers that rest. Who is fetching does not.
func (ps *places) reclaim() {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.mu.held = slices.DeleteFunc(ps.mu.held, func(p *place) bool {
		if p.frames == nil || time.Since(p.touched) < rested {
			return false
		}
		p.frames = nil
		<-ps.free
		return true
	})
}

// fill keeps what was fetched.
func (ps *places) fill(p *place, frames []*Frame) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p.frames, p.touched = frames, time.Now()
}

// take takes a portion. Whole tells whether that was all that had been fetched: if the
// place was given to another, there is none, and it was not.
func (ps *places) take(p *place) (frames []*Frame, whole bool) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if !slices.Contains(ps.mu.held, p) {
		return nil, false
	}
	n := portion(p.frames)
	frames, p.frames, p.touched = p.frames[:n], p.frames[n:], time.Now()
	return frames, len(p.frames) == 0
}

// leave gives a place back, if it is still held.
func (ps *places) leave(p *place) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if i := slices.Index(ps.mu.held, p); i >= 0 {
		ps.mu.held = slices.Delete(ps.mu.held, i, i+1)
		p.frames = nil
		<-ps.free
	}
}
