package opentimestamps

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"

	//lint:ignore SA1019 timestamps of others have it; nothing here is made secret or signed with it
	"golang.org/x/crypto/ripemd160"
	"golang.org/x/crypto/sha3"
)

// An Op turns a message into another one.
type Op byte

// The operations, by their tags in a timestamp.
const (
	SHA1      Op = 0x02
	RIPEMD160 Op = 0x03
	SHA256    Op = 0x08
	Keccak256 Op = 0x67
	Append    Op = 0xf0 // has an argument
	Prepend   Op = 0xf1 // has an argument
	Reverse   Op = 0xf2
	Hexlify   Op = 0xf3 // to lower-case hexadecimal digits
)

// maxMessage is how long a message and an argument can be, in bytes.
const maxMessage = 4096

// binary tells whether the operation has an argument.
func (o Op) binary() bool { return o == Append || o == Prepend }

// digest returns the hash that the operation is, nil if it is none.
func (o Op) digest() hash.Hash {
	switch o {
	case SHA1:
		return sha1.New()
	case RIPEMD160:
		return ripemd160.New()
	case SHA256:
		return sha256.New()
	case Keccak256:
		return sha3.NewLegacyKeccak256()
	}
	return nil
}

func (o Op) known() bool { return o.binary() || o == Reverse || o == Hexlify || o.digest() != nil }

// apply returns what becomes of a message.
func (o Op) apply(message, argument []byte) ([]byte, error) {
	var result []byte
	switch o {
	case Append:
		result = slices.Concat(message, argument)
	case Prepend:
		result = slices.Concat(argument, message)
	case Reverse:
		result = slices.Clone(message)
		slices.Reverse(result)
	case Hexlify:
		result = hex.AppendEncode(nil, message)
	default:
		h := o.digest()
		h.Write(message)
		result = h.Sum(nil)
	}
	if len(result) > maxMessage {
		return nil, fmt.Errorf("a message of %d bytes, and at most %d are possible", len(result), maxMessage)
	}
	return result, nil
}
