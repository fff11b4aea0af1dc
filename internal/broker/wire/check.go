package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrMalformed says that bytes are not the request that their header claims.
var ErrMalformed = errors.New("malformed request")

// Check walks body, a request of the given key and version without its header.
// The error wraps ErrMalformed. A key without a schema is an error too. Bytes
// after the last field are let be, as Kafka does.
func Check(key, version int16, body []byte) error {
	_, err := check(key, version, body)
	return err
}

// check is Check, and tells how many bytes follow the last field.
func check(key, version int16, body []byte) (after int, err error) {
	s, ok := schemas[key]
	if !ok {
		return 0, fmt.Errorf("%w: no schema for API key %d", ErrMalformed, key)
	}
	w := walker{src: body, version: version, flexible: version >= s.flexible}
	w.fields(s.fields, false)
	if w.bad {
		return 0, fmt.Errorf("%w: API key %d version %d breaks off within its fields, %d of %d bytes from the end",
			ErrMalformed, key, version, len(w.src), len(body))
	}
	return len(w.src), nil
}

// walker consumes src from the front. Once bad, it stays so.
type walker struct {
	src      []byte
	version  int16
	flexible bool
	bad      bool
	tags     int // seen so far, in all
}

// fields walks the fields of one struct and, in a flexible version, the tags
// that end it.
func (w *walker) fields(fs []field, plain bool) {
	for i := range fs {
		if f := &fs[i]; f.kind != kindTagged && f.in(w.version) {
			w.field(f)
		}
		if w.bad {
			return
		}
	}
	if w.flexible && !plain {
		w.tagSection(fs)
	}
}

func (w *walker) field(f *field) {
	switch f.kind {
	case kindFixed:
		w.skip(f.size)
	case kindString:
		w.skip(w.length(f.nullable, 2))
	case kindBytes:
		w.skip(w.length(f.nullable, 4))
	case kindArray:
		w.array(f)
	case kindOptional:
		if b := w.skip(1); b != nil && int8(b[0]) != -1 {
			w.fields(f.elems, false)
		}
	}
}

func (w *walker) array(f *field) {
	n := w.length(f.nullable, 4)
	if f.plain && f.elems[0].kind == kindFixed {
		if n > len(w.src) { // also keeps the product from overflowing
			w.bad = true
			return
		}
		w.skip(n * f.elems[0].size)
		return
	}
	for ; n > 0 && !w.bad; n-- {
		w.fields(f.elems, f.plain)
	}
}

// length reads the length of a string, bytes or array; width is that of a
// non-flexible version. Null reads as 0.
func (w *walker) length(nullable bool, width int) int {
	n := -1
	switch {
	case w.flexible:
		n = int(w.uvarint()) - 1
	case width == 2:
		if b := w.skip(2); b != nil {
			n = int(int16(binary.BigEndian.Uint16(b)))
		}
	default:
		if b := w.skip(4); b != nil {
			n = int(int32(binary.BigEndian.Uint32(b)))
		}
	}
	if n < -1 || n == -1 && !nullable {
		w.bad = true
	}
	return max(n, 0)
}

// tagSection walks the tags that end a struct; fs names those that the codec knows.
func (w *walker) tagSection(fs []field) {
	n := int(w.uvarint())
	if w.tags += n; w.tags > maxTagsInAll {
		w.bad = true
	}
	for last := -1; n > 0 && !w.bad; n-- {
		tag := w.uvarint()
		if int(tag) <= last {
			w.bad = true
			return
		}
		last = int(tag)
		w.tagValue(fs, tag, w.skip(int(w.uvarint())))
	}
}

// tagValue walks the value of a tag that the codec decodes; others are opaque.
func (w *walker) tagValue(fs []field, tag uint32, value []byte) {
	for i := range fs {
		f := &fs[i]
		if f.kind != kindTagged || f.tag != tag || !f.in(w.version) || w.bad {
			continue
		}
		in := walker{src: value, version: w.version, flexible: true, tags: w.tags}
		in.fields(f.elems, f.plain)
		w.tags = in.tags
		w.bad = in.bad || len(in.src) > 0
	}
}

// skip takes n bytes, or makes w bad.
func (w *walker) skip(n int) []byte {
	if w.bad || n < 0 || n > len(w.src) {
		w.bad = true
		return nil
	}
	b := w.src[:n:n]
	w.src = w.src[n:]
	return b
}

// uvarint takes an unsigned varint of at most 32 bits.
func (w *walker) uvarint() uint32 {
	u, n := binary.Uvarint(w.src[:min(len(w.src), 5)])
	if w.bad || n <= 0 || u > 1<<32-1 {
		w.bad = true
		return 0
	}
	w.src = w.src[n:]
	return uint32(u)
}

// SkipTags takes the tag section off the front of b, as a flexible request
// header has one. The error wraps ErrMalformed.
func SkipTags(b []byte) (rest []byte, err error) {
	w := walker{src: b, flexible: true}
	w.tagSection(nil)
	if w.bad {
		return nil, fmt.Errorf("%w: tags of the header break off", ErrMalformed)
	}
	return w.src, nil
}
