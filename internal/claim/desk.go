package claim

import (
	"context"
	"errors"
	"fmt"

	"github.com/evidentlog/evident/event"
)

// ErrNotFound says that a store does not have the data.
var ErrNotFound = errors.New("the data is not in the store")

// A Store keeps data by its digest. Its methods may be called by any goroutine.
type Store interface {
	// Put keeps data; it is durable once Put has returned nil. That it is there already
	// is no error.
	Put(ctx context.Context, d event.Digest, data []byte) error
	// Get returns data of a size in bytes, unverified, and never more than that;
	// ErrNotFound if it is not there.
	Get(ctx context.Context, d event.Digest, size int64) ([]byte, error)
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
	if err := d.Store.Put(ctx, digest, e.Data); err != nil {
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
	data, err := d.Store.Get(ctx, c.Digest, c.Size)
	if err != nil {
		return e, fmt.Errorf("data of event %s from %s: %w", e.ID, e.Source, err)
	}
	return e.Redeem(data)
}
