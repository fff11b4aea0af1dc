package bank

import (
	"context"
	"math/rand/v2"
	"syscall"
	"time"

	"github.com/evidentlog/evident/interop/evident"
)

// killer does harm to a node.
type killer struct {
	server *evident.Server
	rng    *rand.Rand // owned by the saboteur
	logf   func(format string, args ...any)
}

func (k *killer) wait() time.Duration {
	return time.Duration(100+k.rng.IntN(1900)) * time.Millisecond
}

// strike pauses the node now and then, for as long as some sessions last, and
// kills it.
func (k *killer) strike(ctx context.Context) error {
	if k.rng.IntN(4) == 0 {
		if err := k.pause(time.Duration(k.rng.IntN(1500)) * time.Millisecond); err != nil {
			return err
		}
	}
	k.logf("the node is killed")
	return k.server.Crash(ctx, k.rng)
}

func (k *killer) pause(d time.Duration) error {
	k.logf("the node is paused for %s", d)
	if err := k.server.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	time.Sleep(d)
	if err := k.server.Signal(syscall.SIGCONT); err != nil {
		return err
	}
	time.Sleep(d / 2)
	return nil
}
