package shared

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/evidentlog/evident/internal/bucket"
)

const (
	metaName   = "ledger"
	metaHeader = "evident shared ledger 1"
)

const (
	// beginAgain is how long a node waits at first that met others which begin the
	// same ledger; then longer, up to about beginMost.
	beginAgain = 20 * time.Millisecond
	beginMost  = 5 * time.Second
)

// ErrOther says that a bucket has another ledger than the one that is wanted.
var ErrOther = errors.New("the bucket has another ledger")

// Read returns what a bucket says of its ledger, empty if it has none. The error
// is ErrMoving if it is not all there yet.
func Read(ctx context.Context, b *bucket.Bucket) (string, error) {
	text, moving, err := Look(ctx, b)
	if moving {
		return "", fmt.Errorf("%v: %w", b, ErrMoving)
	}
	return text, err
}

// Join finds, or begins, the ledger with an origin and keys in a bucket, and
// returns what the bucket says of it: a text that no other ledger has.
func Join(ctx context.Context, b *bucket.Bucket, origin string, keys []string) (string, error) {
	text, err := Read(ctx, b)
	for wait := time.Duration(0); err == nil && text == ""; wait = 2*wait + beginAgain {
		if text, err = begin(ctx, b, origin, keys, wait); errors.Is(err, bucket.ErrConflict) && wait < beginMost {
			err = nil // nobody may have come in
		}
	}
	if err != nil {
		return "", err
	}
	return text, sameLedger(b, text, origin, keys)
}

// sameLedger refuses a text that says that the bucket has another ledger.
func sameLedger(b *bucket.Bucket, text, origin string, keys []string) error {
	if _, rest, _ := strings.Cut(strings.TrimPrefix(text, metaHeader+"\n"), "\n"); rest != describe(origin, keys) {
		return fmt.Errorf("%w: %v is the ledger\n%sand this node's is\n%s; all nodes need the origin and the key file of the first", ErrOther, b, rest, describe(origin, keys))
	}
	return nil
}

// begin begins a ledger after a while, and returns what the bucket says then.
func begin(ctx context.Context, b *bucket.Bucket, origin string, keys []string, wait time.Duration) (string, error) {
	select {
	case <-time.After(wait):
	case <-ctx.Done():
		return "", ctx.Err()
	}
	begun := fmt.Sprintf("%s\nid %s\n%s", metaHeader, rand.Text(), describe(origin, keys))
	_, lost := b.Create(ctx, metaName, []byte(begun))
	if lost != nil && !errors.Is(lost, bucket.ErrTaken) && !errors.Is(lost, bucket.ErrConflict) {
		return "", lost
	}
	text, err := Read(ctx, b)
	if text == "" && err == nil {
		err = cmp.Or(lost, fmt.Errorf("%w: %v/%s, which was written", bucket.ErrNotFound, b, metaName))
	}
	return text, err
}

func describe(origin string, keys []string) string {
	text := "origin " + origin + "\n"
	for _, k := range keys {
		text += "key " + k + "\n"
	}
	return text
}
