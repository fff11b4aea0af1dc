package state

import "sync/atomic"

// A gate counts those who are inside, and can be closed. Unlike with a sync.RWMutex,
// somebody inside may enter again while another waits to close it: that fails.
type gate struct {
	inside atomic.Int64
	closed atomic.Bool
	// closing is closed when the gate is.
	closing chan struct{}
	left    chan struct{} // has an element when the last one has left a closed gate
}

func (g *gate) init() {
	g.closing, g.left = make(chan struct{}), make(chan struct{}, 1)
}

// enter says whether the gate is open; if so, leave has to be called.
func (g *gate) enter() bool {
	g.inside.Add(1)
	if g.closed.Load() {
		g.leave()
		return false
	}
	return true
}

func (g *gate) leave() {
	if g.inside.Add(-1) == 0 && g.closed.Load() {
		select {
		case g.left <- struct{}{}:
		default:
		}
	}
}

// close closes the gate and waits until nobody is inside; it says whether it was open.
func (g *gate) close() bool {
	if g.closed.Swap(true) {
		return false
	}
	close(g.closing)
	for g.inside.Load() > 0 {
		<-g.left
	}
	return true
}
