package broker

import (
	"encoding/binary"
	"fmt"

	"github.com/evidentlog/evident/internal/broker/wire"
)

// prefixBytes is what every request begins with: its length (4), API key (2)
// and version (2).
const prefixBytes = 8

// minRequest is the least a request's length can claim: API key, version and
// correlation id.
const minRequest = 8

// prefix is the beginning of a request.
type prefix struct {
	size         int // bytes that follow the length
	key, version int16
}

func parsePrefix(b []byte) prefix {
	return prefix{
		size:    int(int32(binary.BigEndian.Uint32(b))),
		key:     int16(binary.BigEndian.Uint16(b[4:])),
		version: int16(binary.BigEndian.Uint16(b[6:])),
	}
}

// header is a request header (v1, or v2 if flexible) behind key and version.
type header struct {
	correlation int32
	clientID    []byte
	body        []byte
}

// parseHeader reads a request without its length.
func parseHeader(b []byte, flexible bool) (header, error) {
	var h header
	if len(b) < minRequest+2 {
		return h, fmt.Errorf("%w: header has %d bytes", wire.ErrMalformed, len(b))
	}
	h.correlation = parseCorrelation(b)
	n := int(int16(binary.BigEndian.Uint16(b[8:])))
	b = b[10:]
	if n > len(b) || n < -1 {
		return h, fmt.Errorf("%w: client id of %d bytes, %d are left", wire.ErrMalformed, n, len(b))
	}
	if n > 0 {
		h.clientID, b = b[:n], b[n:]
	}
	if flexible {
		rest, err := wire.SkipTags(b)
		if err != nil {
			return h, err
		}
		b = rest
	}
	h.body = b
	return h, nil
}

// parseCorrelation reads the correlation id of a request without its length,
// which has at least minRequest bytes.
func parseCorrelation(b []byte) int32 { return int32(binary.BigEndian.Uint32(b[4:])) }
