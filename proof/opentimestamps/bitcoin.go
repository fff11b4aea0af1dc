package opentimestamps

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"
)

// HeaderSize is the length of a Bitcoin block's header, in bytes.
const HeaderSize = 80

// easiest is the target of the first blocks, 2^224 as Bitcoin's bits have it: no
// block of the main chain has less work.
const easiest = 0x1d00ffff

// A Header is that of a Bitcoin block, with enough work for what it says itself.
// That it is part of the chain is the word of whoever brings it.
type Header struct {
	raw [HeaderSize]byte
}

// ParseHeader reads a header and checks its proof of work.
func ParseHeader(b []byte) (Header, error) {
	if len(b) != HeaderSize {
		return Header{}, fmt.Errorf("a Bitcoin block's header has %d bytes, and this has %d", HeaderSize, len(b))
	}
	h := Header{[HeaderSize]byte(b)}
	bits := binary.LittleEndian.Uint32(h.raw[72:])
	limit, ok := target(bits)
	hardest, _ := target(easiest)
	if !ok || limit.Cmp(hardest) > 0 {
		return Header{}, fmt.Errorf("header of Bitcoin block %s: no block of the main chain has the target %#08x", h.Hash(), bits)
	}
	id := h.id()
	slices.Reverse(id[:])
	if new(big.Int).SetBytes(id[:]).Cmp(limit) > 0 {
		return Header{}, fmt.Errorf("header of Bitcoin block %s: it does not have the work that its target %#08x asks for: it was altered", h.Hash(), bits)
	}
	return h, nil
}

// target returns the number that bits stand for: a mantissa of 23 bits, and how
// many bytes the number has.
func target(bits uint32) (limit *big.Int, ok bool) {
	mantissa, size := int64(bits&0x7fffff), uint(bits>>24)
	if bits&0x800000 != 0 || size < 3 || size > 32 {
		return nil, false
	}
	return new(big.Int).Lsh(big.NewInt(mantissa), 8*(size-3)), true
}

// id is the hash of the block in the order of its computation.
func (h *Header) id() [sha256.Size]byte {
	once := sha256.Sum256(h.raw[:])
	return sha256.Sum256(once[:])
}

// Hash is the hash of the block as block explorers show it: last byte first.
func (h *Header) Hash() string {
	id := h.id()
	slices.Reverse(id[:])
	return hex.EncodeToString(id[:])
}

// Root is the root of the block's transactions, in the order of its computation.
func (h *Header) Root() [sha256.Size]byte { return [sha256.Size]byte(h.raw[36:68]) }

// Time is the block's, by its miner's clock: right to about two hours.
func (h *Header) Time() time.Time {
	return time.Unix(int64(binary.LittleEndian.Uint32(h.raw[68:])), 0).UTC()
}

// ParseHeaders reads headers from text, a line each: HEIGHT:HEX. Empty lines and
// those that begin with # are left out.
func ParseHeaders(text string) (map[int64]Header, error) {
	headers := map[int64]Header{}
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		height, h, err := parseLine(line)
		if err != nil {
			return nil, err
		}
		if other, again := headers[height]; again && other != h {
			return nil, fmt.Errorf("two headers of Bitcoin block %d: %s and %s", height, other.Hash(), h.Hash())
		}
		headers[height] = h
	}
	return headers, lines.Err()
}

func parseLine(line string) (int64, Header, error) {
	number, digits, _ := strings.Cut(line, ":")
	height, err := strconv.ParseInt(number, 10, 32)
	if err != nil || height < 0 {
		return 0, Header{}, fmt.Errorf("%.80q is no header of a Bitcoin block: write HEIGHT:HEX, with the 160 digits of the header", line)
	}
	raw, err := hex.DecodeString(strings.TrimSpace(digits))
	if err != nil {
		return 0, Header{}, fmt.Errorf("header of Bitcoin block %d: it is not hexadecimal: %w", height, err)
	}
	h, err := ParseHeader(raw)
	if err != nil {
		return 0, Header{}, fmt.Errorf("block %d: %w", height, err)
	}
	return height, h, nil
}
