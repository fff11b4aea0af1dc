package bank

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/evidentlog/evident/interop/evident"
)

// killer kills a node again and again.
type killer struct {
	server *evident.Server
	rng    *rand.Rand // owned by run
	logf   func(format string, args ...any)

	mu   sync.Mutex
	left int
}

// satisfied tells whether it killed as often as it should.
func (k *killer) satisfied() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.left == 0
}

// during kills while work is done. When work returns the node is up.
func (k *killer) during(ctx context.Context, work func(context.Context) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	done := make(chan struct{})
	var killing sync.WaitGroup
	killing.Go(func() {
		if err := k.run(ctx, done); err != nil {
			stop(err)
		}
	})
	err := work(ctx)
	close(done)
	killing.Wait()
	return err
}

func (k *killer) run(ctx context.Context, done <-chan struct{}) error {
	for !k.satisfied() {
		select {
		case <-done:
			return nil
		case <-time.After(time.Duration(100+k.rng.IntN(1900)) * time.Millisecond):
		}
		if err := k.server.Crash(ctx, k.rng); err != nil {
			return err
		}
		k.mu.Lock()
		k.left--
		k.logf("the node was killed; to be killed again: %d times", k.left)
		k.mu.Unlock()
	}
	return nil
}
