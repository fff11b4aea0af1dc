package proof

import (
	"crypto/ed25519"
	"encoding/binary"
	"time"

	"filippo.io/mldsa"
	"golang.org/x/mod/sumdb/note"
)

// A Signer signs checkpoints: as a log, or as a witness. It implements
// note.Signer.
type Signer struct {
	*Verifier
	sign func(text []byte) ([]byte, error)
}

var _ note.Signer = (*Signer)(nil)

// Sign returns the signature of the text of a checkpoint, without the key id.
func (s *Signer) Sign(text []byte) ([]byte, error) { return s.sign(text) }

// NewEd25519Signer returns a log's signer under its origin.
func NewEd25519Signer(origin string, key ed25519.PrivateKey) (*Signer, error) {
	v, err := NewVerifier(origin, Ed25519, key.Public().(ed25519.PublicKey))
	if err != nil {
		return nil, err
	}
	return &Signer{v, func(text []byte) ([]byte, error) { return ed25519.Sign(key, text), nil }}, nil
}

// NewEd25519Cosigner returns a witness's signer, which signs the time too.
func NewEd25519Cosigner(name string, key ed25519.PrivateKey, now func() time.Time) (*Signer, error) {
	v, err := NewVerifier(name, Ed25519Cosignature, key.Public().(ed25519.PublicKey))
	if err != nil {
		return nil, err
	}
	return &Signer{v, func(text []byte) ([]byte, error) {
		stamp := uint64(now().Unix())
		return append(stamped(stamp), ed25519.Sign(key, cosignedText(stamp, text))...), nil
	}}, nil
}

// NewMLDSA44Signer returns the signer of a log or a witness that quantum
// computers cannot forge. It signs the time too.
func NewMLDSA44Signer(name string, key *mldsa.PrivateKey, now func() time.Time) (*Signer, error) {
	v, err := NewVerifier(name, MLDSA44, key.PublicKey().Bytes())
	if err != nil {
		return nil, err
	}
	return &Signer{v, func(text []byte) ([]byte, error) {
		stamp := uint64(now().Unix())
		message, err := cosignedMessage(name, stamp, string(text))
		if err != nil {
			return nil, err
		}
		sig, err := key.Sign(nil, message, nil)
		return append(stamped(stamp), sig...), err
	}}, nil
}

func stamped(stamp uint64) []byte { return binary.BigEndian.AppendUint64(nil, stamp) }
