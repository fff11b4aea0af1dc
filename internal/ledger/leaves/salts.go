package leaves

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"fmt"

	"github.com/evidentlog/evident/proof"
)

// salts are random bytes for leaves. They are the key stream of AES-256 in
// counter mode under a key from the system's generator, which is used for one
// filling and then dropped: so a salt tells nothing of another, as if each had
// come from there, at a seventh of what that costs.
type salts struct {
	unused []byte
	buf    [saltsAtOnce * proof.SaltSize]byte
}

const (
	saltsAtOnce = 256
	keySize     = 32
)

// next returns bytes that are used for nothing else. They are valid until the
// next call.
func (s *salts) next() []byte {
	if len(s.unused) == 0 {
		s.fill()
	}
	salt := s.unused[:proof.SaltSize]
	s.unused = s.unused[proof.SaltSize:]
	return salt
}

func (s *salts) fill() {
	var random [keySize + aes.BlockSize]byte
	rand.Read(random[:]) // never fails: the program ends if it does
	block, err := aes.NewCipher(random[:keySize])
	if err != nil {
		panic(fmt.Sprintf("AES with a key of %d bytes: %v", keySize, err)) // it has such keys
	}
	clear(s.buf[:])
	cipher.NewCTR(block, random[keySize:]).XORKeyStream(s.buf[:], s.buf[:])
	clear(random[:])
	s.unused = s.buf[:]
}
