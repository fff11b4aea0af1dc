package evidenttest

import (
	"context"
	"sync"
	"testing"

	"github.com/evidentlog/evident/node"
)

// Node is a node that ends with its test.
type Node struct {
	t      testing.TB
	cfg    node.Config
	bubble bool
	wire   *wire
	disk   *disk
	faults *faults
	look   *look
	cuts   chan struct{} // that a supervisor has to see to

	starting gate // held while the node is stopped and started
	mu       struct {
		sync.Mutex
		node    *node.Node // nil if it could not be started again
		cut     bool       // its power is cut
		cuts    uint64     // how often it was
		clients int        // that have been made
	}
}

// Start starts a node in real time and stops it at the end of the test.
func Start(t testing.TB, opts ...Option) *Node {
	t.Helper()
	return start(t, false, opts)
}

func start(t testing.TB, bubble bool, opts []Option) *Node {
	t.Helper()
	s := settings{config: Config(), seed: seedOf(t)}
	for _, o := range opts {
		o(&s)
	}
	n := &Node{t: t, cfg: s.config, bubble: bubble, cuts: make(chan struct{}, 1), starting: newGate()}
	n.faults = &faults{seed: s.seed, node: n}
	n.disk = newDisk(n)
	n.wire = newWire(n)
	n.look = newLook(n)
	n.cfg.Wire = n.wire.wrap
	n.cfg.FS = n.disk.fs()
	t.Cleanup(n.stop)
	if err := n.up(); err != nil {
		t.Fatalf("starting a node: %v", err)
	}
	return n
}

// up starts the node on its disk. If the power is cut meanwhile it stays down.
func (n *Node) up() error {
	n.mu.Lock()
	n.mu.cut = false
	n.mu.Unlock()
	n.wire.mend()
	running, err := node.Start(context.Background(), n.cfg)
	n.mu.Lock()
	defer n.mu.Unlock()
	if err != nil && !n.mu.cut {
		return err
	}
	n.mu.node = running // nil with an error
	return nil
}

// down stops the node, if it is up. What it complains of is no matter if its power was
// cut or its disk was made to fail.
func (n *Node) down() error {
	n.mu.Lock()
	running, cut := n.mu.node, n.mu.cut
	n.mu.node = nil
	n.mu.Unlock()
	n.look.forget()
	if running == nil {
		return nil
	}
	err := running.Close()
	n.wire.wait()
	if cut || n.faults.failedDisk() {
		return nil
	}
	return err
}

// stop is the end of the test.
func (n *Node) stop() {
	n.t.Helper()
	n.faults.removeAll()
	if err := n.down(); err != nil {
		n.t.Errorf("stopping the node: %v", err)
	}
	if n.t.Failed() && n.faults.chanced() {
		n.t.Logf("faults were decided by -evidenttest.seed=%d", n.faults.seed)
	}
}

// running is the node that is up now, or nil.
func (n *Node) running() *node.Node {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.mu.cut {
		return nil
	}
	return n.mu.node
}

// KafkaAddress is the host:port of the Kafka listener that [Listen] opened.
func (n *Node) KafkaAddress() string {
	n.t.Helper()
	if up := n.running(); up != nil {
		for _, a := range up.Addresses().Kafka {
			return a
		}
	}
	n.t.Fatalf("the node has no Kafka listener: start it with evidenttest.Listen()")
	return ""
}
