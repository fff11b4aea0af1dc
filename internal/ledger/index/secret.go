package index

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math/bits"
	"strings"

	"github.com/evidentlog/evident/internal/vfs"
)

// A secret is the key of all hashes of a folder. Without it nobody can tell, by
// trying names that come to mind, whose records an index has.
type secret [2]uint64

const (
	secretSize   = 16
	formatFile   = "format"
	formatHeader = "evident index 1\n"
	secretLabel  = "secret "
)

// hash is SipHash-2-4 (Aumasson and Bernstein, 2012) of a field's value. Each
// field has a key of its own, so that the same value in two of them cannot be
// told to be the same.
func (s secret) hash(field Field, b []byte) uint64 {
	k0, k1 := s[0], s[1]^uint64(field)
	v0, v1 := k0^0x736f6d6570736575, k1^0x646f72616e646f6d
	v2, v3 := k0^0x6c7967656e657261, k1^0x7465646279746573
	last := uint64(len(b)) << 56
	for ; len(b) >= 8; b = b[8:] {
		m := binary.LittleEndian.Uint64(b)
		v3 ^= m
		v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
		v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
		v0 ^= m
	}
	for i, c := range b {
		last |= uint64(c) << (8 * i)
	}
	v3 ^= last
	v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	v0 ^= last
	v2 ^= 0xff
	for range 4 {
		v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	}
	return v0 ^ v1 ^ v2 ^ v3
}

// sipRound is small enough to be inlined.
func sipRound(v0, v1, v2, v3 uint64) (uint64, uint64, uint64, uint64) {
	v0 += v1
	v2 += v3
	v1 = bits.RotateLeft64(v1, 13) ^ v0
	v3 = bits.RotateLeft64(v3, 16) ^ v2
	v0 = bits.RotateLeft64(v0, 32)
	v2 += v1
	v0 += v3
	v1 = bits.RotateLeft64(v1, 17) ^ v2
	v3 = bits.RotateLeft64(v3, 21) ^ v0
	v2 = bits.RotateLeft64(v2, 32)
	return v0, v1, v2, v3
}

// loadSecret reads the format file of an index, or makes it. A new secret makes
// all blocks useless that there may be: found tells that it is not new.
func loadSecret(fsys vfs.FS, dir string) (s secret, found bool, err error) {
	name := dir + "/" + formatFile
	b, err := vfs.ReadSmall(fsys, name, 1<<10)
	text := string(b)
	if errors.Is(err, fs.ErrNotExist) {
		s, err = makeSecret(fsys, dir)
		return s, false, err
	}
	if err != nil {
		return s, false, err
	}
	encoded, ok := strings.CutPrefix(text, formatHeader+secretLabel)
	if !ok {
		first, _, _ := strings.Cut(text, "\n")
		return s, false, fmt.Errorf("%s begins with %q, and this program knows %q only: was it written by a newer version? Without the folder %s the index is made again from the log", name, first, formatHeader, dir)
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(encoded, "\n"))
	if err != nil || len(key) != secretSize {
		return s, false, fmt.Errorf("%s is damaged: its secret is not %d bytes in base64. Without the folder %s the index is made again from the log", name, secretSize, dir)
	}
	return newSecret(key), true, nil
}

func newSecret(key []byte) secret {
	return secret{binary.LittleEndian.Uint64(key), binary.LittleEndian.Uint64(key[8:])}
}

// makeSecret writes the format file in one step.
func makeSecret(fsys vfs.FS, dir string) (secret, error) {
	var key [secretSize]byte
	rand.Read(key[:]) // never fails: the program ends if it does
	text := formatHeader + secretLabel + base64.StdEncoding.EncodeToString(key[:]) + "\n"
	return newSecret(key[:]), vfs.ReplaceSmall(fsys, dir+"/"+formatFile, []byte(text), vfs.Private)
}
