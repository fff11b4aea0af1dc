package state

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"
)

// A Change is a record of the changelog: docs/format/changelog.md.
type Change struct {
	// Key is the store's name and the key in it.
	Key []byte
	// Value is nil of what was deleted.
	Value []byte
}

// The first byte of a change's value says what follows.
const (
	formPlain  = 1 // the value
	formExpiry = 2 // when it expires, 8 bytes, big-endian milliseconds since 1970; the value
)

const expirySize = 8

// never is when something expires that does not.
const never = int64(0)

// appendKey appends the key of a change.
func appendKey(b []byte, store string, key []byte) []byte {
	return append(append(append(b, byte(len(store))), store...), key...)
}

// ParseKey reads the key of a change.
func ParseKey(b []byte) (store string, key []byte, err error) {
	n, err := storePrefix(b)
	if err != nil {
		return "", nil, err
	}
	return string(b[1:n]), b[n:], nil
}

// storePrefix is how long the part of a change's key is that names the store.
func storePrefix(b []byte) (int, error) {
	switch {
	case len(b) == 0 || b[0] == 0:
		return 0, fmt.Errorf("%w: the key %x names no store", ErrMalformed, head(b))
	case b[0] > maxStoreName:
		return 0, fmt.Errorf("%w: the key %x begins with %d: run the program that wrote it", ErrVersion, head(b), b[0])
	case len(b) < 1+int(b[0]):
		return 0, fmt.Errorf("%w: the key %x ends within its store's name of %d bytes", ErrMalformed, head(b), b[0])
	}
	return 1 + int(b[0]), nil
}

// appendValue appends the value of a change that expires then.
func appendValue(b, value []byte, until int64) []byte {
	if until == never {
		return append(append(b, formPlain), value...)
	}
	b = binary.BigEndian.AppendUint64(append(b, formExpiry), uint64(until))
	return append(b, value...)
}

// parseValue reads the value of a change. What it gives is part of b.
func parseValue(b []byte) (value []byte, until int64, err error) {
	switch {
	case len(b) > 0 && b[0] == formPlain:
		return b[1:], never, nil
	case len(b) > expirySize && b[0] == formExpiry:
		at := binary.BigEndian.Uint64(b[1:])
		if at == 0 || at > math.MaxInt64 {
			return nil, 0, fmt.Errorf("%w: the value %x expires at %d", ErrMalformed, head(b), at)
		}
		return b[1+expirySize:], int64(at), nil
	case len(b) > 0 && b[0] > formExpiry:
		return nil, 0, fmt.Errorf("%w: the value %x begins with %d, and this program knows up to %d: run the one that wrote it", ErrVersion, head(b), b[0], formExpiry)
	}
	return nil, 0, fmt.Errorf("%w: the value %x has no form", ErrMalformed, head(b))
}

// ParseValue reads the value of a change that deletes nothing. The zero time is never.
func ParseValue(b []byte) (value []byte, until time.Time, err error) {
	value, at, err := parseValue(b)
	if at != never {
		until = time.UnixMilli(at)
	}
	return value, until, err
}

// parse says what is wrong with a change that was read, or when its value expires.
func (c Change) parse() (until int64, err error) {
	if _, err := storePrefix(c.Key); err != nil || c.Value == nil {
		return never, err
	}
	_, until, err = parseValue(c.Value)
	return until, err
}

// head is as much of b as an error should show.
func head(b []byte) []byte { return b[:min(len(b), 32)] }
