package auth

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/subtle"
	"hash"
)

// Limits on credentials, as Kafka has them, and what credentials are made with.
const (
	MinIterations = 4096 // RFC 7677
	MaxIterations = 16384
	// DefaultIterations is the most that Kafka allows; RFC 7677 wishes for more.
	DefaultIterations = MaxIterations
	// saltBytes is the length of new salts.
	saltBytes = 24
)

// Credential is what the node keeps of a password for one SCRAM mechanism (RFC
// 5802, section 3). It suffices to check a client that knows the password, not
// to pass for one.
type Credential struct {
	Iterations int
	Salt       []byte
	StoredKey  []byte
	ServerKey  []byte
}

// NewCredential makes a credential of a password, with a salt of its own. It
// fails only where the system's cryptography refuses, as in FIPS mode.
func NewCredential(m Mechanism, password string, iterations int) (Credential, error) {
	salt := make([]byte, saltBytes)
	rand.Read(salt)
	salted, err := saltPassword(m, password, salt, iterations)
	if err != nil {
		return Credential{}, err
	}
	return FromSaltedPassword(m, salted, salt, iterations), nil
}

// FromSaltedPassword makes a credential of what the admin keys bring: a password
// that the client put through PBKDF2 itself.
func FromSaltedPassword(m Mechanism, salted, salt []byte, iterations int) Credential {
	stored, server := keys(m.hash(), salted)
	return Credential{Iterations: iterations, Salt: salt, StoredKey: stored, ServerKey: server}
}

func saltPassword(m Mechanism, password string, salt []byte, iterations int) ([]byte, error) {
	return pbkdf2.Key(m.hash(), password, salt, iterations, m.size())
}

// matches tells whether the credential was made of password, in time that does
// not depend on that.
func (c Credential) matches(m Mechanism, password string) (bool, error) {
	salted, err := saltPassword(m, password, c.Salt, c.Iterations)
	if err != nil {
		return false, err
	}
	stored, _ := keys(m.hash(), salted)
	return subtle.ConstantTimeCompare(stored, c.StoredKey) == 1, nil
}

// keys are StoredKey and ServerKey of RFC 5802.
func keys(h func() hash.Hash, salted []byte) (stored, server []byte) {
	return digest(h, mac(h, salted, "Client Key")), mac(h, salted, "Server Key")
}

func mac(h func() hash.Hash, key []byte, text string) []byte {
	m := hmac.New(h, key)
	m.Write([]byte(text))
	return m.Sum(nil)
}

func digest(h func() hash.Hash, b []byte) []byte {
	d := h()
	d.Write(b)
	return d.Sum(nil)
}
