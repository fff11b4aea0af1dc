package batch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/s2"
)

// Xerial's framing, which the Java client uses for snappy: a header of the magic
// and two version numbers, then blocks of a big-endian length and as many bytes of
// plain snappy. librdkafka and others send one plain block instead.
const (
	xerialMagic  = "\x82SNAPPY\x00"
	xerialHeader = xerialMagic + "\x00\x00\x00\x01\x00\x00\x00\x01"
	xerialBlock  = 32 << 10 // bytes in a block that we write
)

// snappyRatio bounds how much a snappy block can expand: its densest element
// makes 64 bytes of 3. A block that claims more is broken, and gets no memory.
const snappyRatio = 22

var errXerial = errors.New("malformed xerial framing")

// snappyReader gives the decoded blocks one after the other.
type snappyReader struct {
	src    []byte // what is left of the payload
	framed bool
	block  []byte // the decoded block; its memory is reused
	unread []byte // what is left of block
}

func (r *snappyReader) open(payload []byte) error {
	r.src, r.unread, r.framed = payload, nil, false
	if bytes.HasPrefix(payload, []byte(xerialMagic)) {
		if len(payload) < len(xerialHeader) {
			return errXerial
		}
		r.framed = true
		r.src = payload[len(xerialHeader):]
	}
	return nil
}

func (r *snappyReader) close() bool {
	r.src, r.unread = nil, nil
	if cap(r.block) > 1<<20 {
		r.block = nil
	}
	return true
}

func (r *snappyReader) Read(p []byte) (int, error) {
	for len(r.unread) == 0 {
		if len(r.src) == 0 {
			return 0, io.EOF
		}
		if err := r.decode(); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.unread)
	r.unread = r.unread[n:]
	return n, nil
}

// decode decodes the next block.
func (r *snappyReader) decode() error {
	block, rest, err := r.cut()
	if err != nil {
		return err
	}
	n, err := s2.DecodedLen(block)
	if err != nil {
		return fmt.Errorf("snappy: %w", err)
	}
	if n > snappyRatio*len(block) {
		return fmt.Errorf("snappy: block of %d bytes claims to hold %d", len(block), n)
	}
	if n > cap(r.block) {
		r.block = make([]byte, n)
	}
	if r.block, err = s2.Decode(r.block[:cap(r.block)], block); err != nil {
		return fmt.Errorf("snappy: %w", err)
	}
	r.unread, r.src = r.block, rest
	return nil
}

// cut splits the next compressed block off.
func (r *snappyReader) cut() (block, rest []byte, err error) {
	if !r.framed {
		return r.src, nil, nil
	}
	if len(r.src) < 4 {
		return nil, nil, errXerial
	}
	n := int64(binary.BigEndian.Uint32(r.src))
	if n > int64(len(r.src)-4) {
		return nil, nil, errXerial
	}
	return r.src[4 : 4+n], r.src[4+n:], nil
}

// appendXerial appends src compressed and framed.
func appendXerial(dst, src []byte) []byte {
	dst = append(dst, xerialHeader...)
	for len(src) > 0 {
		n := min(xerialBlock, len(src))
		dst = appendXerialBlock(dst, src[:n])
		src = src[n:]
	}
	return dst
}

func appendXerialBlock(dst, block []byte) []byte {
	at := len(dst)
	dst = append(dst, make([]byte, 4+s2.MaxEncodedLen(len(block)))...)
	n := len(s2.EncodeSnappy(dst[at+4:], block))
	binary.BigEndian.PutUint32(dst[at:], uint32(n))
	return dst[:at+4+n]
}
