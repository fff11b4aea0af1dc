package shared

import (
	"context"
	"errors"
	"fmt"

	"github.com/evidentlog/evident/internal/bucket"
	"github.com/evidentlog/evident/proof"
)

// Erase destroys the salts of leaves of a tree in the bucket: those with the
// indexes first to last that some round has. sizeAt tells how many leaves the
// tree has by the first entries of the root log, as many as are asked for. It
// may be repeated.
func (j *Journal) Erase(ctx context.Context, origin string, first, last int64, sizeAt func(root int64) (int64, error)) error {
	for first <= last {
		n, err := j.find(ctx, func(r *Round) (bool, error) {
			size, err := sizeAt(r.Size)
			return size <= first, err
		})
		if err != nil {
			return err
		}
		next, err := j.eraseIn(ctx, n, origin, first, last)
		if err != nil {
			return err
		}
		if next <= first {
			return fmt.Errorf("%w: %s has not the leaf %d of %s", ErrDamaged, blockName(n), first, origin)
		}
		first = next
	}
	return nil
}

// eraseIn destroys salts in a block, and returns one past the last leaf of the
// tree in it.
func (j *Journal) eraseIn(ctx context.Context, n uint64, origin string, first, last int64) (next int64, err error) {
	for {
		o, err := j.bucket.Get(ctx, blockName(n), "")
		if err != nil {
			return 0, err
		}
		next, changed, err := zeroSalts(o.Data, origin, first, last)
		if err != nil {
			return 0, fmt.Errorf("%w: %s: %w", ErrDamaged, blockName(n), err)
		}
		if !changed {
			return next, nil
		}
		// The journal learns of it when it reads the block again, as all nodes do.
		if _, err = j.bucket.Replace(ctx, blockName(n), o.Data, o.ETag); !errors.Is(err, bucket.ErrTaken) {
			return next, err
		}
	}
}

// zeroSalts overwrites salts of a tree in a block with zeros.
func zeroSalts(block []byte, origin string, first, last int64) (next int64, changed bool, err error) {
	for len(block) > 0 {
		r, size, err := readRound(block)
		if err != nil {
			return 0, false, err
		}
		for i := range r.Leaves {
			l := &r.Leaves[i]
			if l.Origin != origin {
				continue
			}
			next = l.First + int64(l.Count())
			for at := max(first, l.First); at <= min(last, next-1); at++ {
				salt := l.Salts[(at-l.First)*proof.SaltSize:][:proof.SaltSize]
				changed = changed || proof.Salt(salt) != proof.Salt{}
				clear(salt)
			}
		}
		seal(block[:size])
		block = block[size:]
	}
	return next, changed, nil
}
