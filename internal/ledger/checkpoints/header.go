package checkpoints

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"

	"github.com/evidentlog/evident/proof"
)

const (
	headerLine = "evident signatures 1"
	// headerSize is what a file's header takes: its text, zeros, and in the last
	// four bytes the CRC32C of all before. It has room for an origin and two keys
	// with names of 255 bytes.
	headerSize = 4096
	headerText = headerSize - 4
)

// A header says what the slots of a file sign, and with which keys.
type header struct {
	origin string
	keys   []*proof.Verifier
}

func (h *header) encode() ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\norigin %s\n", headerLine, h.origin)
	for _, k := range h.keys {
		fmt.Fprintf(&b, "key %s\n", k)
	}
	if b.Len() > headerText {
		return nil, fmt.Errorf("origin and keys take %d bytes, and a header has %d: use shorter names", b.Len(), headerText)
	}
	text := append(b.Bytes(), make([]byte, headerText-b.Len())...)
	return binary.BigEndian.AppendUint32(text, crc32.Checksum(text, castagnoli)), nil
}

// decodeHeader reads the header at the beginning of b. The first line is looked
// at first: what is behind it may be another version's.
func decodeHeader(b []byte) (*header, error) {
	if first, _, _ := strings.Cut(string(b[:64]), "\n"); first != headerLine {
		return nil, fmt.Errorf("it begins with %q, and this program knows %q only: was it written by a newer version?", first, headerLine)
	}
	if binary.BigEndian.Uint32(b[headerText:]) != crc32.Checksum(b[:headerText], castagnoli) {
		return nil, errors.New("the checksum of its header is wrong")
	}
	text, padding, _ := strings.Cut(string(b[:headerText]), "\x00")
	if strings.Trim(padding, "\x00") != "" || !strings.HasSuffix(text, "\n") {
		return nil, errors.New("its header is not lines of text with zeros behind them")
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	h := &header{}
	for _, line := range lines[1:] {
		if err := h.decodeLine(line); err != nil {
			return nil, fmt.Errorf("header, line %q: %w", line, err)
		}
	}
	if h.origin == "" || len(h.keys) == 0 {
		return nil, errors.New("its header has no origin, or no key")
	}
	return h, nil
}

func (h *header) decodeLine(line string) (err error) {
	switch word, value, _ := strings.Cut(line, " "); word {
	case "origin":
		h.origin = value
	case "key":
		var k *proof.Verifier
		k, err = proof.ParseVerifier(value)
		h.keys = append(h.keys, k)
	default:
		err = errors.New("not understood")
	}
	return err
}

// signatureSize is how many bytes a key's signatures have, without the key id.
func signatureSize(a proof.Algorithm) int {
	const (
		stamp  = 8 // seconds since 1970
		mldsa4 = 2420
	)
	switch a {
	case proof.Ed25519:
		return ed25519.SignatureSize
	case proof.Ed25519Cosignature:
		return stamp + ed25519.SignatureSize
	case proof.MLDSA44:
		return stamp + mldsa4
	}
	return 0
}
