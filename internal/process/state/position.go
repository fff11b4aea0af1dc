package state

import (
	"encoding/binary"
	"fmt"
	"time"
)

// A Position is how far a task's state is.
type Position struct {
	// Changelog is the id of the changelog's topic, zero if nothing was applied yet.
	Changelog [16]byte
	// Next is the offset in the changelog's partition that has to be applied next.
	Next int64
	// At is a time at which the state lacked nothing that the changelog had, as far as was
	// known.
	At time.Time
}

const (
	positionVersion = 1
	positionSize    = 1 + 16 + 8 + 8
)

// append writes the version, the topic's id, the offset, and the time in milliseconds
// since 1970; numbers are big-endian.
func (p Position) append(b []byte) []byte {
	b = append(append(b, positionVersion), p.Changelog[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(p.Next))
	return binary.BigEndian.AppendUint64(b, uint64(p.At.UnixMilli()))
}

func parsePosition(b []byte) (p Position, err error) {
	if len(b) != positionSize || b[0] != positionVersion {
		return p, fmt.Errorf("%w: the position %x", ErrCorrupt, head(b))
	}
	copy(p.Changelog[:], b[1:])
	p.Next = int64(binary.BigEndian.Uint64(b[17:]))
	p.At = time.UnixMilli(int64(binary.BigEndian.Uint64(b[25:])))
	if p.Next < 0 {
		return p, fmt.Errorf("%w: the position is offset %d", ErrCorrupt, p.Next)
	}
	return p, nil
}
