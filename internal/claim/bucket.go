package claim

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/evidentlog/evident/event"
	"github.com/evidentlog/evident/internal/bucket"
)

// objects is what names in a bucket begin with.
const objects = "sha256/"

// A Bucket is a store in an S3-compatible object store: an object for each digest.
// Several processes may use it at once.
type Bucket struct{ bucket *bucket.Bucket }

// NewBucket returns the store in a bucket, below its prefix.
func NewBucket(b *bucket.Bucket) *Bucket { return &Bucket{b} }

// Put implements Store. A request that failed may have been done: all of one digest
// write the same, so that it can be asked for again.
func (b *Bucket) Put(ctx context.Context, d event.Digest, data []byte) error {
	// The event loses its data to what is there: that it has the name is not enough.
	switch there, err := b.Get(ctx, d, int64(len(data))); {
	case err == nil && bytes.Equal(there, data):
		return nil
	case err != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, event.ErrClaim):
		return err
	}
	return b.bucket.Put(ctx, objects+hexadecimal(d), data)
}

// Get implements Store.
func (b *Bucket) Get(ctx context.Context, d event.Digest, size int64) ([]byte, error) {
	// One byte more tells of an object that is too long, and no more of it is read.
	o, err := b.bucket.GetStart(ctx, objects+hexadecimal(d), size+1)
	switch {
	case errors.Is(err, bucket.ErrNotFound):
		return nil, fmt.Errorf("%w: %v: %w", ErrNotFound, d, err)
	case err != nil:
		return nil, err
	case int64(len(o.Data)) > size:
		return nil, fmt.Errorf("%w: %v has more than %d bytes", event.ErrClaim, d, size)
	case int64(len(o.Data)) < size:
		return nil, fmt.Errorf("%w: %v has %d bytes, not %d", event.ErrClaim, d, len(o.Data), size)
	}
	return o.Data, nil
}
