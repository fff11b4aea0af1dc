package evidenttest

import (
	"context"
	"fmt"
	"time"
)

// CutPower ends the node this instant: nothing more reaches its disk, which has lost what
// the loss says, and all connections break. Clients find nobody until [Node.Restart]. If
// the power is cut already it does nothing.
func (n *Node) CutPower(loss Loss) {
	n.t.Helper()
	if !n.disk.ours() {
		n.t.Fatalf("only the node's own filesystem in memory can lose power: leave Config.FS as it is")
	}
	n.cutPower(loss)
}

// cutPower may be called in the middle of a request or of an operation of the disk.
func (n *Node) cutPower(loss Loss) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.mu.cut {
		return
	}
	n.mu.cut = true
	n.mu.cuts++
	n.disk.crash(loss.keep(n.faults.seed, n.mu.cuts))
	n.wire.sever()
	select {
	case n.cuts <- struct{}{}:
	default: // there is one to be seen to already
	}
}

// Restart starts the node again on what its disk holds. If its power was not cut it is
// stopped in order before. Clients that are not killed connect again by themselves.
func (n *Node) Restart() {
	n.t.Helper()
	if err := n.restart(); err != nil {
		n.t.Fatal(err)
	}
}

func (n *Node) restart() error {
	n.starting.lock()
	defer n.starting.unlock()
	if err := n.down(); err != nil {
		return fmt.Errorf("stopping the node: %w", err)
	}
	n.cfg.FS = n.disk.fs()
	n.cfg.Metrics = nil // a registry takes one node's metrics only once
	if err := n.up(); err != nil {
		return fmt.Errorf("starting the node again: %w", err)
	}
	n.wire.changed.tell()
	return nil
}

// Supervise has the node started again each time that its power is cut, after a while,
// until the test ends.
func (n *Node) Supervise(after time.Duration) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	n.t.Cleanup(func() { cancel(); <-done })
	go func() {
		defer close(done)
		for {
			select {
			case <-ctx.Done():
				return
			case <-n.cuts:
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(after):
			}
			if err := n.restart(); err != nil {
				n.t.Error(err)
			}
		}
	}()
}
