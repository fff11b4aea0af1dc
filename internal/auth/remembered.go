package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"sync"
)

// maxRemembered bounds the memory of remembered to about a megabyte.
const maxRemembered = 10_000

// remembered knows the passwords that PLAIN clients were last right with, so that
// a thousand clients that come back together cost one PBKDF2 for each user. It
// keeps a MAC of them, with a key that is nowhere but in memory.
type remembered struct {
	key [32]byte
	mu  struct {
		sync.Mutex
		macs map[string][sha256.Size]byte // by user
	}
}

func newRemembered() *remembered {
	r := &remembered{}
	rand.Read(r.key[:])
	r.mu.macs = make(map[string][sha256.Size]byte)
	return r
}

// mac is of the password and of the credential that it fits: with another
// credential it is another.
func (r *remembered) mac(c Credential, password string) (sum [sha256.Size]byte) {
	m := hmac.New(sha256.New, r.key[:])
	m.Write([]byte{byte(len(c.StoredKey))})
	m.Write(c.StoredKey)
	m.Write([]byte(password))
	m.Sum(sum[:0])
	return sum
}

// right tells if password is what the user was last right with.
func (r *remembered) right(user string, c Credential, password string) bool {
	sum := r.mac(c, password)
	r.mu.Lock()
	last, ok := r.mu.macs[user]
	r.mu.Unlock()
	return ok && subtle.ConstantTimeCompare(sum[:], last[:]) == 1
}

// add remembers a password that is right.
func (r *remembered) add(user string, c Credential, password string) {
	sum := r.mac(c, password)
	r.mu.Lock()
	defer r.mu.Unlock()
	for other := range r.mu.macs {
		if len(r.mu.macs) < maxRemembered {
			break
		}
		delete(r.mu.macs, other)
	}
	r.mu.macs[user] = sum
}
