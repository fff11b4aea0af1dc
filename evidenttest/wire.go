package evidenttest

import (
	"net"
	"sync"
)

// wire is what lies between the node and all that speak to it.
type wire struct {
	node    *Node
	changed bell
	work    sync.WaitGroup

	mu struct {
		sync.Mutex
		severed bool
		links   map[*link]struct{}
	}
}

func newWire(n *Node) *wire {
	w := &wire{node: n}
	w.mu.links = make(map[*link]struct{})
	return w
}

// wrap puts a link between a client and the node. It returns what the node is to serve.
func (w *wire) wrap(client net.Conn) net.Conn {
	broker, served := net.Pipe()
	l := newLink(w, client, broker)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mu.severed {
		l.close()
		return served
	}
	w.mu.links[l] = struct{}{}
	w.work.Go(func() {
		l.run()
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.mu.links, l)
	})
	return served
}

// sever breaks all connections, and new ones until mend.
func (w *wire) sever() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.severed = true
	for l := range w.mu.links {
		l.close()
	}
}

func (w *wire) mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.severed = false
}

// wait waits for the links of a node that has been stopped.
func (w *wire) wait() { w.work.Wait() }

// bell tells whoever listens that something has happened.
type bell struct {
	mu   sync.Mutex
	next chan struct{}
}

// listen returns a channel that is closed the next time that something happens.
func (b *bell) listen() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next == nil {
		b.next = make(chan struct{})
	}
	return b.next
}

func (b *bell) tell() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next != nil {
		close(b.next)
		b.next = nil
	}
}
