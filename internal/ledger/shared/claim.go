package shared

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"github.com/evidentlog/evident/internal/bucket"
)

// movingHeader begins the object that says which ledger it is, while a node puts
// the history of its folder into the bucket. Versions that do not know it refuse it.
const movingHeader = metaHeader + ", moving"

// ErrMoving says that a node is putting a ledger into the bucket, which nobody
// else may use until then.
var ErrMoving = errors.New("a node is moving its ledger into the bucket, or was stopped while it did: start that node until it is done, then this one")

// Look returns what a bucket says of its ledger, or will say when that has been
// moved into it; empty if it has none.
func Look(ctx context.Context, b *bucket.Bucket) (text string, moving bool, err error) {
	o, err := b.Get(ctx, metaName, "")
	if errors.Is(err, bucket.ErrNotFound) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	if rest, ok := strings.CutPrefix(string(o.Data), movingHeader+"\n"); ok {
		return metaHeader + "\n" + rest, true, nil
	}
	if !strings.HasPrefix(string(o.Data), metaHeader+"\n") {
		return "", false, fmt.Errorf("%w: %v/%s does not begin with %q: is it from a newer version?", ErrOther, b, metaName, metaHeader)
	}
	return string(o.Data), false, nil
}

// Claim reserves a bucket without a ledger for a node that moves its own into it,
// or finds that it was reserved for this ledger. It returns what the bucket will
// say then.
func Claim(ctx context.Context, b *bucket.Bucket, origin string, keys []string) (text string, err error) {
	rest := fmt.Sprintf("id %s\n%s", rand.Text(), describe(origin, keys))
	_, err = b.Create(ctx, metaName, []byte(movingHeader+"\n"+rest))
	if err != nil && !errors.Is(err, bucket.ErrTaken) {
		return "", err
	}
	text, moving, err := Look(ctx, b)
	switch {
	case err != nil:
		return "", err
	case !moving:
		return "", fmt.Errorf("%w: %v has one since a moment ago", ErrOther, b)
	}
	return text, sameLedger(b, text, origin, keys)
}

// Release lets all nodes use a ledger that was moved into a bucket: text is what
// Claim returned.
func Release(ctx context.Context, b *bucket.Bucket, text string) error {
	o, err := b.Get(ctx, metaName, "")
	if err != nil {
		return err
	}
	if want := movingHeader + strings.TrimPrefix(text, metaHeader); string(o.Data) != want {
		return fmt.Errorf("%w: %v/%s is\n%sand was\n%s", ErrOther, b, metaName, o.Data, want)
	}
	_, err = b.Replace(ctx, metaName, []byte(text), o.ETag)
	return err
}
