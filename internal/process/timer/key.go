package timer

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"time"
)

// The first byte of an entry's key says what it is.
const (
	keyDue      = 'd' // when something is due: ordered by time
	keyIdentity = 'i' // when a given timer is due
	keyEvent    = 'e' // event time
	keyCut      = 'c' // the cut that was passed
)

// version begins every value.
const version = 1

// appendIdentity appends what tells a timer from others of its clock. Identities are in
// the order of keys, then of names: a zero byte in the key becomes 00 FF, and 00 01 ends
// it, which is less than any byte that could follow.
func appendIdentity(b, key []byte, name string) []byte {
	for _, c := range key {
		b = append(b, c)
		if c == 0 {
			b = append(b, 0xFF)
		}
	}
	return append(append(b, 0, 1), name...)
}

// parseIdentity reads what appendIdentity wrote.
func parseIdentity(b []byte) (key []byte, name string, err error) {
	key = make([]byte, 0, len(b))
	for {
		zero := bytes.IndexByte(b, 0)
		if zero < 0 || zero+1 == len(b) {
			return nil, "", fmt.Errorf("%w: an identity without end of its key", ErrCorrupt)
		}
		key = append(key, b[:zero]...)
		after := b[zero+1]
		b = b[zero+2:]
		switch after {
		case 1:
			return key, string(b), nil
		case 0xFF:
			key = append(key, 0)
		default:
			return nil, "", fmt.Errorf("%w: an identity with %#x after a zero byte", ErrCorrupt, after)
		}
	}
}

// appendMillis appends a time in milliseconds since 1970 so that bytes are in the order
// of times: big-endian, the sign turned over.
func appendMillis(b []byte, ms int64) []byte {
	return binary.BigEndian.AppendUint64(b, uint64(ms)^(1<<63))
}

func parseMillis(b []byte) int64 { return int64(binary.BigEndian.Uint64(b) ^ (1 << 63)) }

// dueAt is the part of a due that is its time.
func dueAt(due string) int64 { return parseMillis([]byte(due[:8])) }

// A due is a time and an identity: timers of a clock are in the order of these.

// parseDue reads the timer of a due.
func parseDue(clock Clock, due string) (Timer, error) {
	if len(due) < 8 {
		return Timer{}, fmt.Errorf("%w: a due of %d bytes", ErrCorrupt, len(due))
	}
	key, name, err := parseIdentity([]byte(due[8:]))
	if err != nil {
		return Timer{}, err
	}
	return Timer{Clock: clock, Key: key, Name: name, At: time.UnixMilli(dueAt(due)).UTC()}, nil
}

// parseValue reads the time that is the value of an identity and of event time.
func parseValue(b []byte) (int64, error) {
	if err := checkVersion(b); err != nil {
		return 0, err
	}
	if len(b) != 9 {
		return 0, fmt.Errorf("%w: a time of %d bytes, not 9", ErrCorrupt, len(b))
	}
	return parseMillis(b[1:]), nil
}

// checkVersion looks at the first byte of a value.
func checkVersion(b []byte) error {
	switch {
	case len(b) == 0 || b[0] == 0:
		return fmt.Errorf("%w: a value %x without version", ErrCorrupt, b)
	case b[0] > version:
		return fmt.Errorf("%w: %d, and this program knows %d: run the one that wrote it, or begin another version of the processor", ErrVersion, b[0], version)
	}
	return nil
}

// never is before any time.
const never = math.MinInt64
