package dedup

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/evidentlog/evident/internal/seen"
)

// ErrState says that what is kept of ids is not what this program writes.
var ErrState = errors.New("de-duplication state")

const (
	// version begins every value.
	version = 1
	// blockLen is how many ids a block has.
	blockLen  = 64
	tailSize  = 1 + 8 + 8 + seen.IDSize
	blockHead = 1 + 8
)

// kept is an id as it is kept.
type kept struct {
	number uint64
	at     int64 // Unix ms
	id     seen.ID
}

func appendTailKey(b []byte, number uint64) []byte { return append(b, byte(number%blockLen)) }

// appendTail appends the value of an id in tail: docs/format/deduplication.md.
func appendTail(b []byte, k kept) []byte {
	b = binary.BigEndian.AppendUint64(append(b, version), k.number)
	b = binary.BigEndian.AppendUint64(b, uint64(k.at))
	return append(b, k.id[:]...)
}

func parseTail(key, value []byte) (kept, error) {
	if err := checkVersion(value); err != nil {
		return kept{}, err
	}
	if len(value) != tailSize {
		return kept{}, fmt.Errorf("%w: an id of the tail has %d bytes, and must have %d", ErrState, len(value), tailSize)
	}
	k := kept{binary.BigEndian.Uint64(value[1:]), int64(binary.BigEndian.Uint64(value[9:])), seen.ID(value[17:])}
	if len(key) != 1 || key[0] != byte(k.number%blockLen) || k.at < 0 {
		return kept{}, fmt.Errorf("%w: id %d of time %d stands in the tail under the key %x", ErrState, k.number, k.at, key)
	}
	return k, nil
}

func appendBlockKey(b []byte, block uint64) []byte { return binary.BigEndian.AppendUint64(b, block) }

// appendBlock appends the value of a block: of blockLen ids.
func appendBlock(b []byte, ids []kept) []byte {
	at := ids[0].at
	b = binary.BigEndian.AppendUint64(append(b, version), uint64(at))
	for i := range ids {
		b = append(binary.AppendUvarint(b, uint64(ids[i].at-at)), ids[i].id[:]...)
		at = ids[i].at
	}
	return b
}

// parseBlock gives the ids of a block to a function.
func parseBlock(key, value []byte, give func(kept)) (block uint64, err error) {
	if err := checkVersion(value); err != nil {
		return 0, err
	}
	if len(key) != 8 || len(value) < blockHead {
		return 0, fmt.Errorf("%w: a block has a key of %d bytes and a value of %d", ErrState, len(key), len(value))
	}
	block = binary.BigEndian.Uint64(key)
	k := kept{number: block * blockLen, at: int64(binary.BigEndian.Uint64(value[1:]))}
	rest := value[blockHead:]
	for range blockLen {
		later, n := binary.Uvarint(rest)
		if n <= 0 || len(rest) < n+seen.IDSize || k.at < 0 || int64(later) < 0 || k.at+int64(later) < 0 {
			return 0, fmt.Errorf("%w: block %d has no id %d", ErrState, block, k.number)
		}
		k.at += int64(later)
		k.id = seen.ID(rest[n:])
		give(k)
		rest = rest[n+seen.IDSize:]
		k.number++
	}
	if len(rest) > 0 {
		return 0, fmt.Errorf("%w: %d bytes follow block %d", ErrState, len(rest), block)
	}
	return block, nil
}

func checkVersion(value []byte) error {
	switch {
	case len(value) == 0:
		return fmt.Errorf("%w: a value is empty", ErrState)
	case value[0] != version:
		return fmt.Errorf("%w: it has version %d, and this program reads version %d: a later program has written it", ErrState, value[0], version)
	}
	return nil
}
