package bucket

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"
)

// ErrUnconditional says that a store does not honour conditions on writes.
var ErrUnconditional = errors.New("the store does not honour conditions on writes (If-None-Match, If-Match), so that several nodes would overwrite each other's rounds: use another store, or one node with a folder")

// probesAtOnce is how many writes try to create one object at the same time.
const probesAtOnce = 6

// Probe tries whether the bucket is there, may be written, and honours the
// conditions on writes. It leaves nothing behind.
func (b *Bucket) Probe(ctx context.Context) (err error) {
	name := "probe-" + rand.Text()
	defer func() {
		if removed := b.Remove(ctx, name); err == nil {
			err = removed
		}
	}()
	if err := b.probeRace(ctx, name); err != nil {
		return err
	}
	created, err := b.Get(ctx, name, "")
	if err != nil {
		return err
	}
	replaced, err := b.Replace(ctx, name, []byte("replaced"), created.ETag)
	if errors.Is(err, ErrTaken) {
		return fmt.Errorf("%w: %v: a write on condition of the ETag that was read is refused", ErrUnconditional, b)
	}
	if err != nil {
		return err
	}
	if _, err := b.Replace(ctx, name, []byte("lost"), created.ETag); !errors.Is(err, ErrTaken) {
		return b.unconditional("a write on condition of an ETag that is gone", err)
	}
	if _, err := b.Get(ctx, name, replaced); !errors.Is(err, ErrUnchanged) {
		return b.unconditional("a read on condition of another ETag", err)
	}
	return nil
}

// probeRace lets some writes create one object: one must, and no other.
func (b *Bucket) probeRace(ctx context.Context, name string) error {
	var group errgroup.Group
	wins := make(chan int, probesAtOnce)
	for i := range probesAtOnce {
		group.Go(func() error {
			_, err := b.Create(ctx, name, fmt.Appendf(nil, "created by %d", i))
			switch {
			case err == nil:
				wins <- i
			case errors.Is(err, ErrTaken), errors.Is(err, ErrConflict):
				return nil
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if len(wins) != 1 {
		return fmt.Errorf("%w: %v: %d of %d writes at once created one object, and one must", ErrUnconditional, b, len(wins), probesAtOnce)
	}
	if _, err := b.Create(ctx, name, []byte("again")); !errors.Is(err, ErrTaken) {
		return b.unconditional("a write on condition that there is no object", err)
	}
	return nil
}

// unconditional says that what must not pass did, or why it cannot be told.
func (b *Bucket) unconditional(what string, err error) error {
	if err != nil {
		return err
	}
	return fmt.Errorf("%w: %v: %s is done all the same", ErrUnconditional, b, what)
}
