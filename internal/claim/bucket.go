package claim

import (
	"context"
	"errors"
	"fmt"
	"io"

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
func (b *Bucket) Put(ctx context.Context, d event.Digest, data io.ReaderAt, size int64) error {
	if there, err := holds(ctx, b, d, size); err != nil || there {
		return err
	}
	return b.bucket.PutFrom(ctx, objects+hexadecimal(d), io.NewSectionReader(data, 0, size), size)
}

// Open implements Store.
func (b *Bucket) Open(ctx context.Context, d event.Digest) (io.ReadCloser, int64, error) {
	r, size, err := b.bucket.Open(ctx, objects+hexadecimal(d))
	if errors.Is(err, bucket.ErrNotFound) {
		return nil, 0, fmt.Errorf("%w: %v: %w", ErrNotFound, d, err)
	}
	return r, size, err
}
