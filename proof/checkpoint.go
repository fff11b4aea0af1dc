package proof

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A Checkpoint is the state of a log's tree: what C2SP's tlog-checkpoint signs.
type Checkpoint struct {
	Origin string // which log
	Size   int64  // how many leaves
	Root   Hash   // of the tree
}

// String returns the body of the checkpoint as a note has it: three lines, each
// with its newline.
func (c Checkpoint) String() string {
	return fmt.Sprintf("%s\n%d\n%s\n", c.Origin, c.Size, base64.StdEncoding.EncodeToString(c.Root[:]))
}

// ParseCheckpoint reads the body of a checkpoint. Extension lines are refused:
// our logs write none, and nobody could audit them.
func ParseCheckpoint(body string) (Checkpoint, error) {
	lines := strings.Split(body, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return Checkpoint{}, fmt.Errorf("checkpoint: %d lines, not the three of origin, size and root hash", len(lines)-1)
	}
	c := Checkpoint{Origin: lines[0]}
	if c.Origin == "" {
		return Checkpoint{}, errors.New("checkpoint: the origin is empty")
	}
	var err error
	if c.Size, err = parseNumber(lines[1]); err != nil {
		return Checkpoint{}, fmt.Errorf("checkpoint of %s: tree size: %w", c.Origin, err)
	}
	if c.Root, err = parseHash(lines[2]); err != nil {
		return Checkpoint{}, fmt.Errorf("checkpoint of %s: root hash: %w", c.Origin, err)
	}
	return c, nil
}

// CheckpointDigest is what anchors are given of a checkpoint, a signed note: the
// SHA-256 digest of its text, without signatures, to which witnesses may add.
func CheckpointDigest(signed string) (Hash, error) {
	text, err := checkpointText(signed)
	if err != nil {
		return Hash{}, err
	}
	return sha256.Sum256([]byte(text)), nil
}

// checkpointText returns what is signed of a checkpoint, a signed note.
func checkpointText(signed string) (string, error) {
	i := strings.LastIndex(signed, "\n\n")
	if i < 0 {
		return "", errors.New("checkpoint: it has no signatures")
	}
	_, err := ParseCheckpoint(signed[:i+1])
	return signed[:i+1], err
}

// parseNumber reads a decimal number from 0 to 2^63-1 without leading zeros.
func parseNumber(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != s {
		return 0, fmt.Errorf("%q is not a decimal number without leading zeros", s)
	}
	return n, nil
}

// parseHash reads the one base64 form of a hash.
func parseHash(s string) (Hash, error) {
	b, err := decodeBase64(s)
	if err != nil {
		return Hash{}, err
	}
	if len(b) != len(Hash{}) {
		return Hash{}, fmt.Errorf("%q is not the base64 form of %d bytes", s, len(Hash{}))
	}
	return Hash(b), nil
}

// decodeBase64 reads the one standard form of some bytes: bits that base64
// does not use must be 0, and nothing else, such as a newline, is in it.
func decodeBase64(s string) ([]byte, error) {
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || strings.ContainsAny(s, "\r\n") {
		return nil, fmt.Errorf("%q is not base64", abbreviate(s))
	}
	return b, nil
}

// abbreviate shortens text of unknown length for an error.
func abbreviate(s string) string {
	const enough = 80
	if len(s) <= enough {
		return s
	}
	return s[:enough] + "…"
}
