package shared

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"github.com/evidentlog/evident/internal/ledger/bucket"
)

const (
	metaName   = "ledger"
	metaHeader = "evident shared ledger 1"
)

// ErrOther says that a bucket has another ledger than the one that is wanted.
var ErrOther = errors.New("the bucket has another ledger")

// Read returns what a bucket says of its ledger, empty if it has none.
func Read(ctx context.Context, b *bucket.Bucket) (string, error) {
	o, err := b.Get(ctx, metaName, "")
	if errors.Is(err, bucket.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if !strings.HasPrefix(string(o.Data), metaHeader+"\n") {
		return "", fmt.Errorf("%w: %v/%s does not begin with %q: is it from a newer version?", ErrOther, b, metaName, metaHeader)
	}
	return string(o.Data), nil
}

// Join finds, or begins, the ledger with an origin and keys in a bucket, and
// returns what the bucket says of it: a text that no other ledger has.
func Join(ctx context.Context, b *bucket.Bucket, origin string, keys []string) (string, error) {
	text, err := Read(ctx, b)
	if err == nil && text == "" {
		begun := fmt.Sprintf("%s\nid %s\n%s", metaHeader, rand.Text(), describe(origin, keys))
		if _, err = b.Create(ctx, metaName, []byte(begun)); err == nil || errors.Is(err, bucket.ErrTaken) {
			text, err = Read(ctx, b)
		}
	}
	if err != nil {
		return "", err
	}
	if _, rest, _ := strings.Cut(strings.TrimPrefix(text, metaHeader+"\n"), "\n"); rest != describe(origin, keys) {
		return "", fmt.Errorf("%w: %v is the ledger\n%sand this node's is\n%s; all nodes need the origin and the key file of the first", ErrOther, b, rest, describe(origin, keys))
	}
	return text, nil
}

func describe(origin string, keys []string) string {
	text := "origin " + origin + "\n"
	for _, k := range keys {
		text += "key " + k + "\n"
	}
	return text
}
