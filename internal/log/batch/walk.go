package batch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// walker checks the records of one batch in order. It is used once.
type walker struct {
	rules Rules
	count int32 // records that the header announces
	// Timestamps are compared as deltas to base: one outside [first, last] is
	// looked at closely, so the usual record costs two comparisons and none for
	// overflow.
	base, first, last int64
	// The largest delta so far and the record that had it first.
	max      int64
	maxIndex int32
	// Records that break the topic's rules. The walk goes on to find them all.
	rejected Rejection
}

func newWalker(b Batch, rules Rules) walker {
	w := walker{rules: rules, count: b.Count(), base: b.BaseTimestamp(), max: math.MinInt64}
	first, last := rules.timestamps()
	w.first, w.last = deltaRange(w.base, first, last)
	return w
}

// deltaRange gives a range of deltas that, added to base, neither overflow nor
// leave [first, last]. It is empty if the bounds cannot be expressed.
func deltaRange(base, first, last int64) (int64, int64) {
	lo, hi := subClamped(first, base), subClamped(last, base)
	if lo == math.MaxInt64 || hi == math.MinInt64 {
		return 1, 0
	}
	return lo, hi
}

// subClamped is a-b, or the nearest int64.
func subClamped(a, b int64) int64 {
	diff := a - b
	if (a^b)&(a^diff) >= 0 {
		return diff
	}
	if a < 0 {
		return math.MinInt64
	}
	return math.MaxInt64
}

func (w *walker) info() Info {
	return Info{Count: w.count, MaxTimestamp: max(NoTimestamp, w.base+w.max), MaxTimestampDelta: w.maxIndex}
}

// plain walks an uncompressed payload, which the records must fill.
func (w *walker) plain(b []byte) (err error) {
	for i := int32(0); i < w.count; i++ {
		if b, i = w.common(b, i); i == w.count {
			break
		}
		if b, err = w.any(b, i); err != nil {
			return err
		}
	}
	if len(b) > 0 {
		return fmt.Errorf("%w: %d bytes after the last of %d records", ErrInvalidRecord, len(b), w.count)
	}
	return nil
}

// commonBody is the size, without its length field, that a record must have to
// be common: attributes, two deltas and the key's length, at most 1+3+3+3 bytes,
// can then be loaded four bytes at a time without a look at the end.
const commonBody = 11

// common checks records from the i-th, at the start of b, for as long as they
// look like most records do: no headers, and short numbers. It returns what is
// left and the index of its first record, which [walker.any] must look at, be it
// uncommon or bad.
//
// This loop is what an uncompressed batch costs. It keeps everything in
// registers and has one exit.
func (w *walker) common(b []byte, i int32) ([]byte, int32) {
	first, last, top, topIndex := w.first, w.last, w.max, w.maxIndex
	keyless := uint32(1) // what a null key's length reads as
	if w.rules.RequireKey {
		keyless = 0
	}
	for ; i < w.count && len(b) >= 4; i++ {
		u, at := short(binary.LittleEndian.Uint32(b))
		end := at + int(u>>1)
		if u&1 != 0 || end > len(b) || end-at < commonBody {
			break
		}
		at++ // attributes
		t, n := short(binary.LittleEndian.Uint32(b[at:]))
		at += n
		u, m := short(binary.LittleEndian.Uint32(b[at:]))
		if n == 0 || m == 0 || u != uint32(i)<<1 {
			break
		}
		at += m
		u, n = short(binary.LittleEndian.Uint32(b[at:]))
		if u&1 == 0 {
			at += int(u >> 1)
		} else if u != keyless {
			break
		}
		at += n
		if n == 0 || at+4 > end {
			break
		}
		u, n = short(binary.LittleEndian.Uint32(b[at:]))
		at += n + int(u>>1)
		if n == 0 || u&1 != 0 || at != end-1 || b[at] != 0 {
			break
		}
		timestamp := unzigzag(uint64(t))
		if timestamp < first || timestamp > last {
			break
		}
		if timestamp > top {
			top, topIndex = timestamp, i
		}
		b = b[end:]
	}
	w.max, w.maxIndex = top, topIndex
	return b, i
}

// any checks record i, at the start of b, whatever its shape.
func (w *walker) any(b []byte, i int32) (rest []byte, err error) {
	body, rest, err := cutRecord(b)
	if err != nil {
		return nil, blame(i, "%w", err)
	}
	var r raw
	if err := r.parse(body); err != nil {
		return nil, blame(i, "%w", err)
	}
	return rest, w.note(i, r.timestamp, r.offset, r.key != nil)
}

var errNoKey = errors.New("no key, in a compacted topic")

// note checks what the rules say of record i.
func (w *walker) note(i int32, timestamp int64, offset int32, hasKey bool) error {
	if offset != i {
		return blame(i, "offset delta is %d", offset)
	}
	if !hasKey && w.rules.RequireKey {
		return w.reject(i, fmt.Errorf("%w: %w", ErrInvalidRecord, errNoKey))
	}
	if timestamp < w.first || timestamp > w.last {
		if err := w.outlier(i, timestamp); err != nil {
			return err
		}
	}
	if timestamp > w.max {
		w.max, w.maxIndex = timestamp, i
	}
	return nil
}

// outlier looks closely at a timestamp outside of the range. A record without
// a timestamp (-1) is allowed, as in Kafka.
func (w *walker) outlier(i int32, delta int64) error {
	timestamp := w.base + delta
	first, last := w.rules.timestamps()
	switch {
	case addClamped(w.base, delta) != timestamp:
		return blame(i, "timestamp %d%+d overflows", w.base, delta)
	case timestamp == NoTimestamp, timestamp >= first && timestamp <= last:
		return nil
	}
	return w.reject(i, fmt.Errorf("%w: %d is not within [%d, %d]", ErrTimestamp, timestamp, first, last))
}

// reject notes a record that breaks a rule. It ends the walk once there are
// enough of them.
func (w *walker) reject(i int32, err error) error {
	w.rejected = append(w.rejected, &RecordError{i, err})
	if len(w.rejected) == maxRejected {
		return w.rejected
	}
	return nil
}

// rejection is the error of a walk that came to its end.
func (w *walker) rejection() error {
	if len(w.rejected) == 0 {
		return nil
	}
	return w.rejected
}
