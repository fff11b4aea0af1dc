package claim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/evidentlog/evident/event"
)

// ErrNotFound says that a store does not have the data.
var ErrNotFound = errors.New("the data is not in the store")

// A Store keeps data by its digest. Its methods may be called by any goroutine.
type Store interface {
	// Put keeps the size bytes of data, whose digest the caller has made sure of. They
	// are durable once Put has returned nil. That they are there already is no error;
	// where something else is there under the digest they take its place.
	Put(ctx context.Context, d event.Digest, data io.ReaderAt, size int64) error
	// Open returns what is kept under a digest, not verified, with its size in bytes;
	// ErrNotFound if there is nothing. The caller closes it. Reading ends with ctx.
	Open(ctx context.Context, d event.Digest) (io.ReadCloser, int64, error)
}

// A Desk takes in the data of large events, and gives it back.
type Desk struct {
	Store Store
	// Over is how large data may be before it is taken in, in bytes.
	Over int
	// Base is what the digest in hexadecimal is appended to in an event's dataref: a
	// URI-reference.
	Base string
}

// CheckIn returns the event as it goes into the log: without its data, which the store
// then has, if that is large, and as it is if not. Events whose data is elsewhere
// already are left as they are.
func (d *Desk) CheckIn(ctx context.Context, e event.Event) (event.Event, error) {
	if _, elsewhere := e.Extension(event.DataRef); elsewhere || len(e.Data) <= d.Over {
		return e, nil
	}
	digest := event.DigestOf(e.Data)
	checked, err := e.CheckIn(d.Base + hexadecimal(digest))
	if err != nil {
		return e, err
	}
	if err := d.Store.Put(ctx, digest, bytes.NewReader(e.Data), int64(len(e.Data))); err != nil {
		return e, fmt.Errorf("data of event %s from %s: %w", e.ID, e.Source, err)
	}
	return checked, nil
}

// Redeem returns the event with its data, verified, if that was taken in, and as it is
// if not. The error wraps [ErrNotFound] where the store does not have the data, and
// [event.ErrClaim] where it has other data.
func (d *Desk) Redeem(ctx context.Context, e event.Event) (event.Event, error) {
	c, ok, err := e.Claim()
	if err != nil || !ok || e.Data != nil {
		return e, err
	}
	data, err := read(ctx, d.Store, c)
	if err != nil {
		return e, fmt.Errorf("data of event %s from %s: %w", e.ID, e.Source, err)
	}
	return e.Redeem(data)
}

// read reads what an event claims. What it claims is not believed before memory is
// taken for it.
func read(ctx context.Context, s Store, c event.Claim) (data []byte, err error) {
	r, size, err := s.Open(ctx, c.Digest)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if size != c.Size {
		return nil, fmt.Errorf("%w: the store has %d bytes for %v, not %d", event.ErrClaim, size, c.Digest, c.Size)
	}
	data = make([]byte, size)
	_, err = io.ReadFull(r, data)
	return data, err
}

// holds tells whether a store has the data of a digest already: that something has its
// name is not enough, since an event loses its data to it.
func holds(ctx context.Context, s Store, d event.Digest, size int64) (_ bool, err error) {
	r, there, err := s.Open(ctx, d)
	switch {
	case errors.Is(err, ErrNotFound):
		return false, nil
	case err != nil:
		return false, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if there != size {
		return false, nil
	}
	sum := newSum()
	if _, err := io.Copy(sum, r); err != nil {
		return false, err
	}
	return sum.digest() == d, nil
}
