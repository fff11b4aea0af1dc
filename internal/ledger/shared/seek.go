package shared

import (
	"context"
	"errors"
	"fmt"
	"sort"

	"github.com/evidentlog/evident/internal/bucket"
)

// Seek lets Next go on after the round that led to a size of the root log. It
// returns that round, for its reader to compare, or nil for size 0. The error is
// ErrSetBack if there is no such round.
func (j *Journal) Seek(ctx context.Context, size int64) (*Round, error) {
	*j = Journal{bucket: j.bucket}
	if size == 0 {
		return nil, nil
	}
	n, err := j.find(ctx, func(r *Round) (bool, error) { return r.Size < size, nil })
	if err != nil {
		return nil, err
	}
	o, err := j.bucket.Get(ctx, blockName(n), "")
	if err != nil {
		return nil, err
	}
	j.block, j.data, j.etag = n, o.Data, o.ETag
	for j.at < len(j.data) {
		r, err := j.Next(ctx)
		if err != nil {
			return nil, err
		}
		if r.next() == size {
			return r, nil
		}
		if r.next() > size {
			break
		}
	}
	return nil, fmt.Errorf("%w: %v has no round that leads to %d entries of the root log", ErrSetBack, j.bucket, size)
}

// find returns the last block whose first round is one of the early ones; early
// is true up to some block, and false from there on. Of the rounds it sees what
// readHead reads.
func (j *Journal) find(ctx context.Context, early func(*Round) (bool, error)) (uint64, error) {
	is := func(n uint64) (bool, error) {
		r, err := j.first(ctx, n)
		if err != nil || r == nil {
			return false, err
		}
		return early(r)
	}
	if ok, err := is(0); err != nil {
		return 0, err
	} else if !ok {
		return 0, fmt.Errorf("%w: %v has no first block, or another", ErrSetBack, j.bucket)
	}
	low, step := uint64(0), uint64(1)
	for {
		ok, err := is(low + step)
		if err != nil {
			return 0, err
		}
		if !ok {
			break
		}
		low, step = low+step, 2*step
	}
	var failed error
	beyond := sort.Search(int(step)-1, func(i int) bool {
		ok, err := is(low + 1 + uint64(i))
		failed = errors.Join(failed, err)
		return !ok
	})
	return low + uint64(beyond), failed
}

// first returns the head of a block's first round, nil if there is no such block.
func (j *Journal) first(ctx context.Context, n uint64) (*Round, error) {
	o, err := j.bucket.GetStart(ctx, blockName(n), int64(headSize))
	if errors.Is(err, bucket.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	r, _, err := readHead(o.Data)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, blockName(n), err)
	}
	return r, nil
}
