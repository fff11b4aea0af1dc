package auth

import (
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"hash"
	"slices"
	"strings"
)

// Mechanism is a SASL mechanism, by its registered name.
type Mechanism string

// The mechanisms that are served.
const (
	Plain       Mechanism = "PLAIN"         // RFC 4616
	ScramSHA256 Mechanism = "SCRAM-SHA-256" // RFC 7677
	ScramSHA512 Mechanism = "SCRAM-SHA-512"
)

// Mechanisms are all that are served, the strongest first.
func Mechanisms() []Mechanism { return []Mechanism{ScramSHA512, ScramSHA256, Plain} }

// ParseMechanism reads a mechanism's name, in any case. The error lists what
// there is, and wraps ErrUnsupportedMechanism.
func ParseMechanism(name string) (Mechanism, error) {
	m := Mechanism(strings.ToUpper(name))
	if slices.Contains(Mechanisms(), m) {
		return m, nil
	}
	return "", fmt.Errorf("%w %q: want PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512", ErrUnsupportedMechanism, name)
}

// ScramMechanism is the mechanism that the SCRAM admin keys number so
// (KIP-554). The error wraps ErrUnsupportedMechanism.
func ScramMechanism(number int8) (Mechanism, error) {
	switch number {
	case 1:
		return ScramSHA256, nil
	case 2:
		return ScramSHA512, nil
	}
	return "", fmt.Errorf("%w number %d: want 1 (SCRAM-SHA-256) or 2 (SCRAM-SHA-512)", ErrUnsupportedMechanism, number)
}

// Number is what the SCRAM admin keys call m (KIP-554); 0 if it is none of
// theirs.
func (m Mechanism) Number() int8 {
	switch m {
	case ScramSHA256:
		return 1
	case ScramSHA512:
		return 2
	}
	return 0
}

// hash is the hash function of a SCRAM mechanism.
func (m Mechanism) hash() func() hash.Hash {
	if m == ScramSHA256 {
		return sha256.New
	}
	return sha512.New
}

// size is how many bytes the mechanism's hash and keys have.
func (m Mechanism) size() int {
	if m == ScramSHA256 {
		return sha256.Size
	}
	return sha512.Size
}
