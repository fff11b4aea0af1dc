package proof

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"filippo.io/mldsa"
	"golang.org/x/mod/sumdb/note"
)

// Algorithm is the signature type of a key, as C2SP's signed-note numbers them.
type Algorithm byte

// The algorithms that checkpoints are signed with.
const (
	// Ed25519 signs the text of the note.
	Ed25519 Algorithm = 0x01
	// Ed25519Cosignature signs the text and a time (tlog-cosignature).
	Ed25519Cosignature Algorithm = 0x04
	// MLDSA44 signs origin, size, root hash and a time (tlog-cosignature).
	MLDSA44 Algorithm = 0x06
)

func (a Algorithm) String() string {
	switch a {
	case Ed25519:
		return "Ed25519"
	case Ed25519Cosignature:
		return "Ed25519 cosignature"
	case MLDSA44:
		return "ML-DSA-44"
	}
	return fmt.Sprintf("signature type %#02x", byte(a))
}

// stampSize is the size of the time before a timed signature, in seconds since 1970.
const stampSize = 8

// A Verifier is a public key under a name: of a log, where the name is its
// origin, or of a witness. It implements note.Verifier.
type Verifier struct {
	name      string
	algorithm Algorithm
	key       []byte // encoded public key
	hash      uint32
	mldsa     *mldsa.PublicKey // of MLDSA44 only
}

var _ note.Verifier = (*Verifier)(nil)

// NewVerifier makes the verifier of an encoded public key: 32 bytes for the
// Ed25519 algorithms, 1312 for MLDSA44.
func NewVerifier(name string, a Algorithm, key []byte) (*Verifier, error) {
	if !validName(name) {
		return nil, fmt.Errorf("key name %q: it must not be empty or have spaces or a plus sign", name)
	}
	v := &Verifier{name: name, algorithm: a, key: key, hash: keyHash(name, a, key)}
	switch a {
	case Ed25519, Ed25519Cosignature:
		if len(key) != ed25519.PublicKeySize {
			return nil, fmt.Errorf("key %s: %d bytes, and an Ed25519 key has %d", name, len(key), ed25519.PublicKeySize)
		}
	case MLDSA44:
		var err error
		if v.mldsa, err = mldsa.NewPublicKey(mldsa.MLDSA44(), key); err != nil {
			return nil, fmt.Errorf("key %s: %w", name, err)
		}
	default:
		return nil, fmt.Errorf("key %s: %v is not supported: use Ed25519 (1, 4) or ML-DSA-44 (6)", name, a)
	}
	return v, nil
}

// ParseVerifier reads a verifier key (vkey) of C2SP's signed-note:
// name+hash+base64(type ‖ key).
func ParseVerifier(vkey string) (*Verifier, error) {
	name, rest, _ := strings.Cut(vkey, "+")
	hash, encoded, ok := strings.Cut(rest, "+")
	if !ok {
		return nil, fmt.Errorf("verifier key %q: not of the form name+hash+key", abbreviate(vkey))
	}
	key, err := decodeBase64(encoded)
	if err != nil {
		return nil, fmt.Errorf("verifier key %s: %w", name, err)
	}
	if len(key) == 0 {
		return nil, fmt.Errorf("verifier key %s: the key is empty", name)
	}
	v, err := NewVerifier(name, Algorithm(key[0]), key[1:])
	if err != nil {
		return nil, err
	}
	if want := fmt.Sprintf("%08x", v.hash); hash != want {
		return nil, fmt.Errorf("verifier key %s: its hash is %s, and the key's is %s: a part of it was changed", name, abbreviate(hash), want)
	}
	return v, nil
}

func validName(name string) bool {
	return name != "" && utf8.ValidString(name) && strings.IndexFunc(name, unicode.IsSpace) < 0 && !strings.Contains(name, "+")
}

// keyHash is the key id of signed-note.
func keyHash(name string, a Algorithm, key []byte) uint32 {
	h := sha256.New()
	h.Write([]byte(name))
	h.Write([]byte{'\n', byte(a)})
	h.Write(key)
	return binary.BigEndian.Uint32(h.Sum(nil))
}

// Name returns the name that signatures carry.
func (v *Verifier) Name() string { return v.name }

// KeyHash returns the key id that signatures carry.
func (v *Verifier) KeyHash() uint32 { return v.hash }

// Algorithm returns how the key signs.
func (v *Verifier) Algorithm() Algorithm { return v.algorithm }

// String returns the verifier key that ParseVerifier reads.
func (v *Verifier) String() string {
	encoded := append([]byte{byte(v.algorithm)}, v.key...)
	return fmt.Sprintf("%s+%08x+%s", v.name, v.hash, base64.StdEncoding.EncodeToString(encoded))
}

// Named returns the verifier of the same key under another name. The
// checkpoints of partitions are signed so.
func (v *Verifier) Named(name string) (*Verifier, error) {
	return NewVerifier(name, v.algorithm, v.key)
}

// sameKey tells whether two verifiers wrap one public key, whatever their names.
func (v *Verifier) sameKey(w *Verifier) bool {
	return (v.algorithm == MLDSA44) == (w.algorithm == MLDSA44) && string(v.key) == string(w.key)
}

// Verify tells whether sig, without the key id, is the key's signature of the
// text of a checkpoint.
func (v *Verifier) Verify(text, sig []byte) bool {
	if v.algorithm == Ed25519 {
		return ed25519.Verify(v.key, text, sig)
	}
	if len(sig) < stampSize {
		return false
	}
	stamp, sig := binary.BigEndian.Uint64(sig), sig[stampSize:]
	if v.algorithm == Ed25519Cosignature {
		return ed25519.Verify(v.key, cosignedText(stamp, text), sig)
	}
	message, err := cosignedMessage(v.name, stamp, string(text))
	return err == nil && mldsa.Verify(v.mldsa, message, sig, nil) == nil
}

// signedAt returns the second in which a timed signature, which was verified, was
// made: its beginning; zero if it has none.
func (v *Verifier) signedAt(s note.Signature) time.Time {
	raw, err := base64.StdEncoding.DecodeString(s.Base64)
	const keyIDSize = 4
	if err != nil || v.algorithm == Ed25519 || len(raw) < keyIDSize+stampSize {
		return time.Time{}
	}
	seconds := binary.BigEndian.Uint64(raw[keyIDSize:])
	if seconds == 0 || seconds >= maxTime/1000 { // its end must have a form, too
		return time.Time{}
	}
	return time.Unix(int64(seconds), 0).UTC()
}

// cosignedText is what a key of Ed25519Cosignature signs.
func cosignedText(stamp uint64, text []byte) []byte {
	return append(fmt.Appendf(nil, "cosignature/v1\ntime %d\n", stamp), text...)
}

// cosignedMessage is what a key of MLDSA44 signs: tlog-cosignature's
// cosigned_message of a whole tree.
func cosignedMessage(cosigner string, stamp uint64, text string) ([]byte, error) {
	lines := strings.SplitN(text, "\n", 4)
	if len(lines) < 4 {
		return nil, errors.New("the signed text is no checkpoint")
	}
	c, err := ParseCheckpoint(strings.Join(lines[:3], "\n") + "\n") // without extension lines
	if err != nil {
		return nil, err
	}
	if len(cosigner) > 255 || len(c.Origin) > 255 {
		return nil, fmt.Errorf("names of %d and %d bytes, and at most 255 can be signed", len(cosigner), len(c.Origin))
	}
	m := append([]byte("subtree/v1\n\x00"), byte(len(cosigner)))
	m = append(m, cosigner...)
	m = binary.BigEndian.AppendUint64(m, stamp)
	m = append(m, byte(len(c.Origin)))
	m = append(m, c.Origin...)
	m = binary.BigEndian.AppendUint64(m, 0) // start
	m = binary.BigEndian.AppendUint64(m, uint64(c.Size))
	return append(m, c.Root[:]...), nil
}
