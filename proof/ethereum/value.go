package ethereum

import (
	"encoding/hex"
	"fmt"
	"strings"

	"golang.org/x/crypto/sha3"
)

// A Hash is a Keccak-256 digest.
type Hash [32]byte

// Sum returns the hash of bytes one after another.
func Sum(parts ...[]byte) (h Hash) {
	d := sha3.NewLegacyKeccak256()
	for _, p := range parts {
		d.Write(p)
	}
	d.Sum(h[:0])
	return h
}

// ParseHash reads a hash: 0x and 64 hexadecimal digits.
func ParseHash(s string) (h Hash, err error) { return h, parse(s, h[:], "a hash") }

// String returns the hash as ParseHash reads it.
func (h Hash) String() string { return "0x" + hex.EncodeToString(h[:]) }

// An Address is that of an account or a contract.
type Address [20]byte

// ParseAddress reads an address: 0x and 40 hexadecimal digits. Where they are of
// both cases, the cases must be right (ERC-55): they are a checksum.
func ParseAddress(s string) (a Address, err error) {
	if err := parse(s, a[:], "an address"); err != nil {
		return a, err
	}
	digits := s[2:]
	if digits != strings.ToLower(digits) && digits != strings.ToUpper(digits) && s != a.String() {
		return Address{}, fmt.Errorf("%q is no address: by its checksum a digit is wrong, or a letter's case", s)
	}
	return a, nil
}

// String returns the address with the checksum of ERC-55.
func (a Address) String() string {
	digits := []byte(hex.EncodeToString(a[:]))
	sum := Sum(digits)
	for i, d := range digits {
		if d >= 'a' && sum[i/2]>>(4*(1-i%2))&0xf >= 8 {
			digits[i] = d - 'a' + 'A'
		}
	}
	return "0x" + string(digits)
}

func parse(s string, to []byte, what string) error {
	digits, ok := strings.CutPrefix(s, "0x")
	if !ok || len(digits) != 2*len(to) {
		return fmt.Errorf("%.80q is not %s: write 0x and %d hexadecimal digits", s, what, 2*len(to))
	}
	if _, err := hex.Decode(to, []byte(digits)); err != nil {
		return fmt.Errorf("%q is not %s: %w", s, what, err)
	}
	return nil
}
