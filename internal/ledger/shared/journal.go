package shared

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/evidentlog/evident/internal/bucket"
)

// blockSize is from which size on, in bytes, a block takes no more rounds.
const blockSize = 256 << 10

// Errors of a journal.
var (
	// ErrSetBack says that the bucket has not, or not any more, what was read from
	// it. To go on would make another history.
	ErrSetBack = errors.New("the ledger's bucket is older than, or another than, what was read from it")
	// ErrDamaged says that an object is not as it was written.
	ErrDamaged = errors.New("the ledger's bucket is damaged")
)

// A Journal reads and writes the rounds of a shared ledger. It is for one
// goroutine.
type Journal struct {
	bucket *bucket.Bucket
	block  uint64 // number of the newest that was read
	data   []byte // its content
	etag   string // of data; empty if the block was not there
	at     int    // how much of data was handed out
	last   int    // where in data the round begins that was handed out last
}

// New returns a journal that begins with the first round.
func New(b *bucket.Bucket) *Journal { return &Journal{bucket: b} }

func blockName(number uint64) string { return fmt.Sprintf("blocks/%012d", number) }

// Next returns the next round, nil if there is none yet. Its slices are not
// to be written to.
func (j *Journal) Next(ctx context.Context) (*Round, error) {
	for j.at == len(j.data) {
		if more, err := j.more(ctx); err != nil || !more {
			return nil, err
		}
	}
	r, size, err := readRound(j.data[j.at:])
	if err != nil {
		return nil, fmt.Errorf("%w: %s at byte %d: %w", ErrDamaged, blockName(j.block), j.at, err)
	}
	j.last, j.at = j.at, j.at+size
	return r, nil
}

func (j *Journal) full() bool { return len(j.data) >= blockSize }

// more reads what was written since.
func (j *Journal) more(ctx context.Context) (bool, error) {
	if !j.full() {
		return j.reread(ctx)
	}
	o, err := j.bucket.Get(ctx, blockName(j.block+1), "")
	if errors.Is(err, bucket.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	j.block++
	j.data, j.etag, j.at, j.last = o.Data, o.ETag, 0, 0
	return true, nil
}

// reread reads the newest block if it has changed: it has more rounds then, or
// fewer salts.
func (j *Journal) reread(ctx context.Context) (bool, error) {
	o, err := j.bucket.Get(ctx, blockName(j.block), j.etag)
	switch {
	case errors.Is(err, bucket.ErrUnchanged), errors.Is(err, bucket.ErrNotFound) && j.etag == "":
		return false, nil
	case errors.Is(err, bucket.ErrNotFound):
		return false, fmt.Errorf("%w: %s is gone", ErrSetBack, blockName(j.block))
	case err != nil:
		return false, err
	}
	if len(o.Data) < len(j.data) || !j.sameLast(o.Data) {
		return false, fmt.Errorf("%w: %s has not the rounds that it had", ErrSetBack, blockName(j.block))
	}
	more := len(o.Data) > len(j.data)
	j.data, j.etag = o.Data, o.ETag
	return more, nil
}

// sameLast tells whether another content of the block has the round that was
// handed out last.
func (j *Journal) sameLast(b []byte) bool {
	return j.at == 0 || bytes.Equal(j.data[j.last+coveredAt:j.last+headSize], b[j.last+coveredAt:j.last+headSize])
}

// Propose writes a round, or several at once, after the last one that Next
// returned, which must have been the newest. If it returns nil they are written.
// Otherwise Next tells: either it returns the first, or another, which means that
// these never came and never will; or nothing, which means that they may still
// come, and must be proposed once more as they are.
func (j *Journal) Propose(ctx context.Context, rounds ...*Round) error {
	if j.at != len(j.data) {
		return errors.New("a round is proposed before all others were read")
	}
	var encoded []byte
	last := 0 // where the last one begins
	for _, r := range rounds {
		if err := r.check(); err != nil {
			return err
		}
		last = len(encoded)
		encoded = append(encoded, r.encode()...)
	}
	if j.full() {
		return j.begin(ctx, encoded, last)
	}
	data := append(j.data[:len(j.data):len(j.data)], encoded...)
	var etag string
	var err error
	if j.etag == "" {
		etag, err = j.bucket.Create(ctx, blockName(j.block), data)
	} else {
		etag, err = j.bucket.Replace(ctx, blockName(j.block), data, j.etag)
	}
	if err != nil {
		return err
	}
	j.last, j.at, j.data, j.etag = len(j.data)+last, len(data), data, etag
	return nil
}

// begin writes the first rounds of a block, the last of which begins at last. The
// block before must still be there: a bucket that was set back would get a hole.
func (j *Journal) begin(ctx context.Context, encoded []byte, last int) error {
	if _, err := j.reread(ctx); err != nil {
		return err
	}
	etag, err := j.bucket.Create(ctx, blockName(j.block+1), encoded)
	if err != nil {
		return err
	}
	j.block++
	j.data, j.etag, j.at, j.last = encoded, etag, len(encoded), last
	return nil
}

// Read tells whether everything that is known to be in the bucket was returned.
func (j *Journal) Read() bool { return j.at == len(j.data) }
