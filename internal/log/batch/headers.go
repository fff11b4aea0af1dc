package batch

import "iter"

// Headers are a record's headers (KIP-82) in the form that they have in the
// record. The zero value has none. Headers from a [Record] alias its bytes.
type Headers struct {
	n   int32
	raw []byte // n times: key length, key, value length, value
}

// Len is the number of headers.
func (h Headers) Len() int { return int(h.n) }

// Size is how many bytes they take in a record, without their number.
func (h Headers) Size() int { return len(h.raw) }

// Reset is Headers without any, in the memory of h.
func (h Headers) Reset() Headers { return Headers{0, h.raw[:0]} }

// All gives keys and values in order; keys may repeat, a nil value is null.
func (h Headers) All() iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		for b := h.raw; len(b) > 0; {
			key, at := field(b, 0)
			value, at := field(b, at)
			if at < 0 || !yield(key, value) {
				return
			}
			b = b[at:]
		}
	}
}

// Get gives the value of the last header with the key, as Kafka's clients do.
func (h Headers) Get(key string) (value []byte, ok bool) {
	for k, v := range h.All() {
		if string(k) == key {
			value, ok = v, true
		}
	}
	return value, ok
}

// Append returns h with one more header. A nil value is null. The bytes of h
// may be overwritten, as with the append of a slice.
func (h Headers) Append(key string, value []byte) Headers {
	raw := append(appendVarint(h.raw, int64(len(key))), key...)
	return Headers{h.n + 1, appendField(raw, value)}
}

// field reads a length and as many bytes at b[at:]; length -1 is nil.
func field(b []byte, at int) (f []byte, next int) {
	n, at := varint(b, at)
	switch {
	case at < 0 || n < -1 || int(n) > len(b)-at:
		return nil, -1
	case n < 0:
		return nil, at
	}
	end := at + int(n)
	return b[at:end:end], end
}

// appendField appends a length and the bytes.
func appendField(dst, f []byte) []byte {
	if f == nil {
		return appendVarint(dst, -1)
	}
	return append(appendVarint(dst, int64(len(f))), f...)
}

// fieldSize is the number of bytes that appendField appends.
func fieldSize(f []byte) int {
	if f == nil {
		return 1
	}
	return varintSize(int64(len(f))) + len(f)
}

// parseHeaders reads a count and the headers, which must fill b.
func parseHeaders(b []byte, at int) (Headers, error) {
	n, at := varint(b, at)
	if at < 0 || n < 0 || int(n) > len(b)-at {
		return Headers{}, errHeaderCount
	}
	h := Headers{n, b[at:]}
	for range n {
		var key []byte
		if key, at = field(b, at); at < 0 || key == nil {
			return Headers{}, errHeaderKey
		}
		if _, at = field(b, at); at < 0 {
			return Headers{}, errHeaderValue
		}
	}
	if at != len(b) {
		return Headers{}, errTrailing
	}
	return h, nil
}
