package opentimestamps

import (
	"errors"
	"fmt"
	"math"
	"strings"
)

// A reader reads a timestamp. The first error stays.
type reader struct {
	rest []byte
	err  error
}

func newReader(b []byte) (*reader, error) {
	if len(b) > MaxSize {
		return nil, fmt.Errorf("timestamp: %d bytes, and at most %d are read", len(b), MaxSize)
	}
	return &reader{rest: b}, nil
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err, r.rest = err, nil
	}
}

// finish returns the first error, and one if something is left.
func (r *reader) finish() error {
	if r.err == nil && len(r.rest) > 0 {
		r.fail(fmt.Errorf("%d bytes follow its end", len(r.rest)))
	}
	return r.err
}

func (r *reader) bytes(n int) []byte {
	if r.err != nil || n > len(r.rest) {
		r.fail(errors.New("its end is missing: it was cut off"))
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) text(n int) string { return string(r.bytes(n)) }

func (r *reader) byte() byte {
	b := r.bytes(1)
	if r.err != nil {
		return 0
	}
	return b[0]
}

// number reads an unsigned number of 7 bits a byte, lowest first, in its
// shortest form.
func (r *reader) number() uint64 {
	var n uint64
	for shift := 0; ; shift += 7 {
		b := r.byte()
		switch {
		case r.err != nil:
			return 0
		case shift > 56 || b == 0 && shift > 0:
			r.fail(errors.New("a number is too large, or not in its shortest form"))
			return 0
		}
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return n
		}
	}
}

// sized reads bytes with their length before them.
func (r *reader) sized(least, most int, what string) []byte {
	n := r.number()
	if r.err == nil && (n < uint64(least) || n > uint64(most)) {
		r.fail(fmt.Errorf("%s of %d bytes, and %d to %d are possible", what, n, least, most))
	}
	if r.err != nil {
		return nil
	}
	return r.bytes(int(n))
}

func (r *reader) op() Op {
	o := Op(r.byte())
	if r.err == nil && !o.known() {
		r.fail(fmt.Errorf("%#02x is no operation that this program knows", byte(o)))
	}
	return o
}

// tree reads the branches of a message and what follows from them, at most depth
// operations deep.
func (r *reader) tree(depth int) Tree {
	if depth == 0 {
		r.fail(fmt.Errorf("more than %d operations follow one another", maxDepth))
	}
	var t Tree
	for r.err == nil {
		more := len(r.rest) > 0 && r.rest[0] == moreTag
		if more {
			r.byte()
		}
		t = append(t, r.branch(depth))
		if !more {
			break
		}
	}
	return t
}

func (r *reader) branch(depth int) Branch {
	if len(r.rest) > 0 && r.rest[0] == attestationTag {
		r.byte()
		return Branch{Attestation: r.attestation()}
	}
	b := Branch{Op: r.op()}
	if b.Op.binary() {
		b.Argument = r.sized(1, maxMessage, "an argument")
	}
	b.Then = r.tree(depth - 1)
	return b
}

func (r *reader) attestation() *Attestation {
	tag := [8]byte{}
	copy(tag[:], r.bytes(len(tag)))
	payload := &reader{rest: r.sized(0, maxPayload, "an attestation")}
	a := &Attestation{}
	if r.err != nil {
		return a
	}
	switch tag {
	case pendingTag:
		a.Kind, a.URI = Pending, string(payload.sized(0, maxURI, "a calendar's address"))
		if !validURI(a.URI) {
			payload.fail(fmt.Errorf("%q is no calendar's address", a.URI))
		}
	case bitcoinTag:
		height := payload.number()
		if height > math.MaxInt32 {
			payload.fail(fmt.Errorf("a Bitcoin block with the height %d", height))
		}
		a.Kind, a.Height = Bitcoin, int64(height)
	default:
		a.Tag, a.Payload = tag, payload.bytes(len(payload.rest))
	}
	if err := payload.finish(); err != nil {
		r.fail(fmt.Errorf("attestation: %w", err))
	}
	return a
}

// validURI tells whether an address has no more than calendars' addresses have:
// nothing that asks, names a user, or hides another host.
func validURI(s string) bool {
	const allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._/:"
	return strings.Trim(s, allowed) == ""
}
