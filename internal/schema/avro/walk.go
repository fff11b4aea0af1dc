package avro

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/evidentlog/evident/internal/schema"
)

// Limits of a payload.
const (
	maxDepth = 1000    // of values within values
	maxEmpty = 1 << 20 // items of an array that take no bytes
)

// validator checks payloads against a type.
type validator struct{ root *node }

// Validate walks a payload in Avro's binary encoding, from its first byte to
// its last. Its time is linear in the payload's length, and it makes nothing
// unless the payload does not match.
func (v validator) Validate(_ []int, payload []byte) error {
	w := walker{b: payload}
	if !w.walk(v.root, 0) {
		return w.mismatch()
	}
	if w.left() > 0 {
		w.fail("%d bytes are left after the end of the value", w.left())
		return w.mismatch()
	}
	return nil
}

// walker goes through a payload.
type walker struct {
	b  []byte // the payload
	at int    // how much of it has been walked
	// reason is why the payload does not match; path leads there, last first.
	reason string
	path   []string
}

// fail is always false.
func (w *walker) fail(format string, args ...any) bool {
	w.reason = fmt.Sprintf(format, args...)
	return false
}

// within adds a step to the path of a failure. It is always false.
func (w *walker) within(step string) bool {
	const mostSteps = 50 // of a payload that is nested for harm
	if len(w.path) < mostSteps {
		w.path = append(w.path, step)
	}
	return false
}

func (w *walker) left() int { return len(w.b) - w.at }

func (w *walker) mismatch() error {
	var path strings.Builder
	for i := len(w.path) - 1; i >= 0; i-- {
		if path.Len() > 0 && w.path[i][0] != '[' {
			path.WriteByte('.')
		}
		path.WriteString(w.path[i])
	}
	return &schema.Mismatch{Path: path.String(), Reason: w.reason}
}

// walk takes a value of a type off the payload.
func (w *walker) walk(n *node, depth int) bool {
	switch n.kind {
	case kindNull:
		return true
	case kindBoolean:
		return w.boolean()
	case kindInt:
		return w.int()
	case kindLong:
		_, ok := w.long()
		return ok
	case kindFloat, kindDouble, kindFixed:
		return w.skip(int64(n.least))
	case kindBytes, kindString:
		return w.bytes(n.kind == kindString)
	case kindEnum:
		return w.enum(n)
	}
	if depth++; depth > maxDepth {
		return w.fail("nested deeper than %d", maxDepth)
	}
	switch n.kind {
	case kindUnion:
		return w.union(n, depth)
	case kindRecord:
		return w.record(n, depth)
	}
	return w.blocks(n, depth)
}

func (w *walker) record(n *node, depth int) bool {
	if n.least == 0 {
		return true
	}
	for i := range n.fields {
		if f := &n.fields[i]; !w.walk(f.typ, depth) {
			return w.within(f.name)
		}
	}
	return true
}

func (w *walker) union(n *node, depth int) bool {
	i, ok := w.long()
	if !ok {
		return false
	}
	if i < 0 || i >= int64(len(n.branches)) {
		return w.fail("branch %d of a union that has %d", i, len(n.branches))
	}
	return w.walk(n.branches[i], depth)
}

func (w *walker) enum(n *node) bool {
	i, ok := w.long()
	if ok && (i < 0 || i >= int64(len(n.symbols))) {
		return w.fail("symbol %d of enum %s, which has %d", i, n.name.full(), len(n.symbols))
	}
	return ok
}

// blocks takes the items of an array or a map: blocks of items, each after
// their number, up to one of none. A negative number is followed by the size
// of its block in bytes.
func (w *walker) blocks(n *node, depth int) bool {
	for done, empty := int64(0), int64(0); ; {
		count, ok := w.long()
		if !ok || count == 0 {
			return ok
		}
		end := -1 // of the block
		if count < 0 {
			size, ok := w.long()
			if !ok {
				return false
			}
			if count == -count || size < 0 || size > int64(w.left()) {
				return w.fail("a block of %d items and %d bytes, of which %d are left", count, size, w.left())
			}
			count, end = -count, w.at+int(size)
		}
		least := int64(n.items.least)
		if n.kind == kindMap {
			least++
		}
		if least == 0 {
			if empty += count; count > maxEmpty || empty > maxEmpty {
				return w.fail("more than %d items without content", maxEmpty)
			}
		} else if count > int64(w.left())/least {
			return w.fail("%d items of at least %d bytes in the %d that are left", count, least, w.left())
		} else if !w.items(n, count, done, depth) {
			return false
		}
		if done += count; end >= 0 && end != w.at {
			return w.fail("a block of items that ends %d bytes off its size", w.at-end)
		}
	}
}

func (w *walker) items(n *node, count, from int64, depth int) bool {
	for i := range count {
		var key []byte
		if n.kind == kindMap {
			before := w.at
			if !w.bytes(true) {
				return w.within("[key " + strconv.FormatInt(from+i, 10) + "]")
			}
			key = w.b[before:w.at]
		}
		if !w.walk(n.items, depth) {
			if n.kind == kindMap {
				return w.within("[" + strconv.Quote(short(string(key[sizeOfLong(key):]))) + "]")
			}
			return w.within("[" + strconv.FormatInt(from+i, 10) + "]")
		}
	}
	return true
}

// sizeOfLong is how many bytes the number at the beginning takes.
func sizeOfLong(b []byte) int {
	for i, c := range b {
		if c < 0x80 {
			return i + 1
		}
	}
	return len(b)
}

func (w *walker) boolean() bool {
	if w.left() == 0 {
		return w.fail("the payload ends where a boolean is due")
	}
	if b := w.b[w.at]; b > 1 {
		return w.fail("%#02x, where a boolean is 0 or 1", b)
	}
	w.at++
	return true
}

func (w *walker) skip(size int64) bool {
	if size > int64(w.left()) {
		return w.fail("%d bytes are due, and %d are left", size, w.left())
	}
	w.at += int(size)
	return true
}

func (w *walker) bytes(text bool) bool {
	size, ok := w.long()
	if !ok {
		return false
	}
	if size < 0 || size > int64(w.left()) {
		return w.fail("a length of %d bytes, and %d are left", size, w.left())
	}
	value := w.b[w.at : w.at+int(size)]
	if text && !utf8.Valid(value) {
		return w.fail("a string that is not UTF-8: %q", short(string(value)))
	}
	w.at += int(size)
	return true
}

func (w *walker) int() bool {
	i, ok := w.long()
	if ok && int64(int32(i)) != i {
		return w.fail("%d is no int of 32 bits", i)
	}
	return ok
}

// long takes a number off: zigzag, seven bits a byte, lowest first.
func (w *walker) long() (int64, bool) {
	if w.at < len(w.b) && w.b[w.at] < 0x80 {
		u := uint64(w.b[w.at])
		w.at++
		return int64(u>>1) ^ -int64(u&1), true
	}
	return w.longer()
}

// longer takes a number of more than one byte off.
func (w *walker) longer() (int64, bool) {
	var u uint64
	for i, c := range w.b[w.at:] {
		if i == 9 && c > 1 {
			return 0, w.fail("a number of more than 64 bits")
		}
		u |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			w.at += i + 1
			return int64(u>>1) ^ -int64(u&1), true
		}
	}
	return 0, w.fail("the payload ends where a number is due")
}
