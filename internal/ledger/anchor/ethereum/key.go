package ethereum

import (
	"encoding/hex"
	"errors"
	"strings"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"

	"github.com/evidentlog/evident/proof/ethereum"
)

// A Key is the private key of an account.
type Key struct{ private *secp256k1.PrivateKey }

// ParseKey reads a key: 64 hexadecimal digits, with or without 0x.
func ParseKey(s string) (Key, error) {
	raw, err := hex.DecodeString(strings.TrimPrefix(strings.TrimSpace(s), "0x"))
	if err != nil || len(raw) != secp256k1.PrivKeyBytesLen {
		return Key{}, errors.New("an Ethereum key has 64 hexadecimal digits")
	}
	var scalar secp256k1.ModNScalar
	if overflow := scalar.SetByteSlice(raw); overflow || scalar.IsZero() {
		return Key{}, errors.New("the number is none that an Ethereum key can be")
	}
	return Key{secp256k1.NewPrivateKey(&scalar)}, nil
}

// Address returns the account's address.
func (k Key) Address() ethereum.Address {
	public := k.private.PubKey().SerializeUncompressed()
	hash := ethereum.Sum(public[1:]) // without the tag
	return ethereum.Address(hash[12:])
}

// sign returns a signature of a hash: which of two public keys, and two numbers.
func (k Key) sign(hash ethereum.Hash) (parity byte, r, s []byte) {
	const first = 27 // of the numbers that stand for the public key
	sig := ecdsa.SignCompact(k.private, hash[:], false)
	return sig[0] - first, sig[1:33], sig[33:]
}
