package snapshot

import (
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kbin"
)

// Kinds of records, which a key begins with.
const (
	kindSnapshot = 0
	kindUpdate   = 1 // Kafka's deltas, which are not written here
)

// ErrFormat is wrapped by the errors of ReadKey and Read: what is stored is not
// what this program writes.
var ErrFormat = errors.New("not a share group's state")

// Key names a share-partition.
type Key struct {
	Group     string
	Topic     [16]byte // the topic's id
	Partition int32
}

// String is what Kafka hashes to find the partition of the topic that holds the
// key's records.
func (k Key) String() string {
	return fmt.Sprintf("%s:%s:%d", k.Group, base64.RawURLEncoding.EncodeToString(k.Topic[:]), k.Partition)
}

// AppendTo appends the key of the record.
func (k Key) AppendTo(b []byte) []byte {
	b = kbin.AppendInt16(b, kindSnapshot)
	b = kbin.AppendString(b, k.Group)
	b = append(b, k.Topic[:]...)
	return kbin.AppendInt32(b, k.Partition)
}

// ReadKey reads the key of a record.
func ReadKey(src []byte) (Key, error) {
	b := kbin.Reader{Src: src}
	kind := b.Int16()
	k := Key{Group: b.String(), Topic: b.Uuid(), Partition: b.Int32()}
	switch err := b.Complete(); {
	case kind == kindUpdate:
		return Key{}, fmt.Errorf("%w: a delta, as Kafka writes them: only snapshots can be read here", ErrFormat)
	case err != nil:
		return Key{}, fmt.Errorf("%w: key of %d bytes, kind %d: %w", ErrFormat, len(src), kind, err)
	case kind != kindSnapshot:
		return Key{}, fmt.Errorf("%w: key of kind %d: run the version of Evident that wrote it, or a newer one", ErrFormat, kind)
	case len(b.Src) > 0:
		return Key{}, fmt.Errorf("%w: %d bytes follow the key", ErrFormat, len(b.Src))
	}
	return k, nil
}
