// Package rlp is Ethereum's encoding of byte strings and lists, the recursive
// length prefix. Each value has one form, and others are refused.
package rlp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// First bytes: below stringTag stands a byte for itself; lengths up to short
// are in the first byte, others behind it.
const (
	stringTag = 0x80
	listTag   = 0xc0
	short     = 55
)

// ErrForm says that bytes are not RLP, or not in the one form that RLP has for
// what they stand for.
var ErrForm = errors.New("not RLP")

// AppendString appends the encoding of a byte string.
func AppendString(to, s []byte) []byte {
	if len(s) == 1 && s[0] < stringTag {
		return append(to, s[0])
	}
	return append(appendHead(to, stringTag, len(s)), s...)
}

// AppendUint appends the encoding of a number: its bytes without leading zeros.
func AppendUint(to []byte, n uint64) []byte {
	return AppendNumber(to, binary.BigEndian.AppendUint64(nil, n))
}

// AppendNumber appends the encoding of a big-endian number.
func AppendNumber(to, n []byte) []byte {
	for len(n) > 0 && n[0] == 0 {
		n = n[1:]
	}
	return AppendString(to, n)
}

// AppendList appends the encoding of a list with these encoded items.
func AppendList(to []byte, items ...[]byte) []byte {
	content := slices.Concat(items...)
	return append(appendHead(to, listTag, len(content)), content...)
}

func appendHead(to []byte, tag byte, n int) []byte {
	if n <= short {
		return append(to, tag+byte(n))
	}
	length := binary.BigEndian.AppendUint64(nil, uint64(n))
	for length[0] == 0 {
		length = length[1:]
	}
	return append(append(to, tag+short+byte(len(length))), length...)
}

// An Item is a value that was parsed.
type Item struct {
	IsList  bool
	Content []byte // a string, or the encoded items of a list
	Raw     []byte // the item as it is encoded
}

// Parse reads one item, which must be the whole of b.
func Parse(b []byte) (Item, error) {
	it, rest, err := next(b)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%w: %d bytes follow it", ErrForm, len(rest))
	}
	return it, err
}

// next reads the first item of b.
func next(b []byte) (it Item, rest []byte, err error) {
	if len(b) == 0 {
		return Item{}, nil, fmt.Errorf("%w: an item is missing", ErrForm)
	}
	tag := b[0]
	if tag < stringTag {
		return Item{Content: b[:1:1], Raw: b[:1:1]}, b[1:], nil
	}
	it.IsList = tag >= listTag
	head, n, err := length(b, it.IsList)
	if err != nil {
		return Item{}, nil, err
	}
	if n > uint64(len(b)-head) {
		return Item{}, nil, fmt.Errorf("%w: an item of %d bytes, and %d are left", ErrForm, n, len(b)-head)
	}
	end := head + int(n)
	it.Content, it.Raw = b[head:end:end], b[:end:end]
	if !it.IsList && n == 1 && it.Content[0] < stringTag {
		return Item{}, nil, fmt.Errorf("%w: the byte %#02x stands for itself", ErrForm, it.Content[0])
	}
	return it, b[end:], nil
}

// length returns how long the head of an item is, and its content.
func length(b []byte, isList bool) (head int, n uint64, err error) {
	tag := b[0] - stringTag
	if isList {
		tag = b[0] - listTag
	}
	if tag <= short {
		return 1, uint64(tag), nil
	}
	size := int(tag - short)
	if len(b) < 1+size {
		return 0, 0, fmt.Errorf("%w: a length is cut off", ErrForm)
	}
	for _, d := range b[1 : 1+size] {
		n = n<<8 | uint64(d)
	}
	if b[1] == 0 || n <= short {
		return 0, 0, fmt.Errorf("%w: a length is not in its shortest form", ErrForm)
	}
	return 1 + size, n, nil
}

// Items returns the items of a list, of which there may be from least to most.
func (it Item) Items(least, most int) ([]Item, error) {
	if !it.IsList {
		return nil, fmt.Errorf("%w: a string where a list must be", ErrForm)
	}
	var items []Item
	for rest := it.Content; len(rest) > 0; {
		if len(items) == most {
			return nil, fmt.Errorf("%w: a list of more than %d items", ErrForm, most)
		}
		one, after, err := next(rest)
		if err != nil {
			return nil, err
		}
		items, rest = append(items, one), after
	}
	if len(items) < least {
		return nil, fmt.Errorf("%w: a list of %d items, and %d are needed", ErrForm, len(items), least)
	}
	return items, nil
}

// Bytes returns a string of a certain length.
func (it Item) Bytes(n int) ([]byte, error) {
	if it.IsList || len(it.Content) != n {
		return nil, fmt.Errorf("%w: %d bytes where a string of %d must be", ErrForm, len(it.Content), n)
	}
	return it.Content, nil
}

// Uint returns a number of at most 64 bits.
func (it Item) Uint() (uint64, error) {
	if it.IsList || len(it.Content) > 8 || len(it.Content) > 0 && it.Content[0] == 0 {
		return 0, fmt.Errorf("%w: %x is no number of 64 bits", ErrForm, it.Content)
	}
	var n uint64
	for _, d := range it.Content {
		n = n<<8 | uint64(d)
	}
	return n, nil
}
