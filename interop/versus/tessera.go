package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"
)

const (
	// Four thousand entries a batch: the more the better for its rate.
	tesseraBatch   = 4096
	tesseraWaiting = 4 * tesseraBatch
)

// tesseraPOSIX adds entries with Tessera's POSIX driver, in this process, until
// they are in a checkpoint that was published.
func tesseraPOSIX(ctx context.Context, l load) (int64, error) {
	a, shutdown, err := openTessera(ctx, l.where)
	if err != nil {
		return 0, err
	}
	entry := make([]byte, l.size)
	rand.Read(entry) // never fails: the program ends if it does
	waiting := make(chan tessera.IndexFuture, tesseraWaiting-tesseraBatch)
	failed := make(chan error, 1)
	go func() {
		defer close(failed)
		for f := range waiting {
			if _, err := f(); err != nil {
				failed <- err
				return
			}
		}
	}()
	n := int64(0)
	for begin := time.Now(); time.Since(begin) < l.duration; n++ {
		data := append([]byte(nil), entry...)
		binary.BigEndian.PutUint64(data, uint64(n))
		select {
		case waiting <- a.Add(ctx, tessera.NewEntry(data)):
		case err := <-failed:
			return n, err
		}
	}
	close(waiting)
	if err := <-failed; err != nil {
		return n, err
	}
	return n, shutdown(ctx) // waits until a checkpoint has all
}

func openTessera(ctx context.Context, dir string) (*tessera.Appender, func(context.Context) error, error) {
	key, _, err := note.GenerateKey(nil, "example.com/versus")
	if err != nil {
		return nil, nil, err
	}
	signer, err := note.NewSigner(key)
	if err != nil {
		return nil, nil, err
	}
	driver, err := posix.New(ctx, posix.Config{Path: dir})
	if err != nil {
		return nil, nil, err
	}
	opts := tessera.NewAppendOptions().WithCheckpointSigner(signer).WithCheckpointInterval(time.Second).
		WithBatching(tesseraBatch, 250*time.Millisecond).WithPushback(tesseraWaiting)
	a, shutdown, _, err := tessera.NewAppender(ctx, driver, opts)
	return a, shutdown, err
}
