package batch

import (
	"encoding/binary"
	"fmt"
)

// Size tells from the first [PeekSize] bytes of a batch how long it is in bytes,
// prefix included. It is at least [HeaderSize]. The error wraps ErrShort,
// ErrMagic or ErrCorrupt.
func Size(head []byte) (int64, error) {
	if len(head) < PeekSize {
		return 0, fmt.Errorf("%w: %d bytes, the length needs %d", ErrShort, len(head), PeekSize)
	}
	size := PrefixSize + int64(int32(binary.BigEndian.Uint32(head[posLength:])))
	switch magic := int8(head[posMagic]); {
	case magic == 0 || magic == 1:
		return 0, fmt.Errorf("%w: magic %d, want %d", ErrMagic, magic, CurrentMagic)
	case magic != CurrentMagic:
		return 0, fmt.Errorf("%w: magic %d, want %d", ErrCorrupt, magic, CurrentMagic)
	case size < HeaderSize:
		return 0, fmt.Errorf("%w: length field gives %d bytes, the header alone has %d", ErrCorrupt, size, HeaderSize)
	}
	return size, nil
}

// Next cuts the first batch off b. The batch is whole and of the current
// format, but neither its CRC nor its records have been looked at. The error
// wraps ErrShort, ErrMagic or ErrCorrupt.
func Next(b []byte) (first Batch, rest []byte, err error) {
	size, err := Size(b)
	if err != nil {
		return nil, b, err
	}
	if size > int64(len(b)) {
		return nil, b, fmt.Errorf("%w: length field gives %d bytes, %d are there", ErrShort, size, len(b))
	}
	return Batch(b[:size:size]), b[size:], nil
}

// Check verifies that b is exactly one batch as it was once appended: length,
// format, CRC, and counts that go together. It does not look at the records, but
// for those of control batches. It is what recovery asks of every batch. The
// error wraps ErrShort, ErrMagic or ErrCorrupt.
func (b Batch) Check() error {
	if err := b.checkBytes(); err != nil {
		return err
	}
	count, delta := b.Count(), b.LastOffsetDelta()
	if count < 0 || delta < 0 || int64(count) > int64(delta)+1 {
		return fmt.Errorf("%w: %d records in an offset range of %d", ErrCorrupt, count, int64(delta)+1)
	}
	if base, last := b.BaseOffset(), b.LastOffset(); base < 0 || last < base {
		return fmt.Errorf("%w: offsets from %d to %d", ErrCorrupt, base, last)
	}
	_, _, err := b.marker()
	return err
}

// checkBytes verifies length, format and CRC.
func (b Batch) checkBytes() error {
	whole, rest, err := Next(b)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return fmt.Errorf("%w: length field gives %d bytes, %d are there", ErrCorrupt, len(whole), len(b))
	}
	if want, got := b.CRC(), b.sum(); want != got {
		return fmt.Errorf("%w: CRC is %08x, the bytes have %08x", ErrCorrupt, want, got)
	}
	return nil
}
