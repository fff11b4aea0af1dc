package metadata

import (
	"crypto/rand"
	"fmt"

	"github.com/evidentlog/evident/internal/auth"
)

// secretBytes is the length of the secret that credentials of unknown users are
// made up from.
const secretBytes = 32

type authenticationValue struct {
	Version int    `json:"v"`
	Secret  []byte `json:"secret"`
}

type userValue struct {
	Version int                           `json:"v"`
	Scram   map[auth.Mechanism]scramValue `json:"scram"`
}

type scramValue struct {
	Iterations int    `json:"iterations"`
	Salt       []byte `json:"salt"`
	StoredKey  []byte `json:"stored_key"`
	ServerKey  []byte `json:"server_key"`
}

// userRecord is a user's record; one without credentials deletes the user.
func userRecord(name string, credentials auth.Credentials) (record, error) {
	key := userPrefix + name
	if len(credentials) == 0 {
		return record{key: key}, nil
	}
	v := userValue{formatVersion, make(map[auth.Mechanism]scramValue)}
	for m, c := range credentials {
		v.Scram[m] = scramValue(c)
	}
	return newRecord(key, v)
}

// credentials checks what a record says.
func (v userValue) credentials() (auth.Credentials, error) {
	credentials := make(auth.Credentials)
	for m, c := range v.Scram {
		if m.Number() == 0 {
			return nil, fmt.Errorf("unknown mechanism %q: run the version of Evident that wrote it, or a newer one", m)
		}
		if c.Iterations < 1 || len(c.Salt) == 0 || len(c.StoredKey) == 0 || len(c.ServerKey) == 0 {
			return nil, fmt.Errorf("the credential for %s is incomplete", m)
		}
		credentials[m] = auth.Credential(c)
	}
	if len(credentials) == 0 {
		return nil, fmt.Errorf("a user without credentials")
	}
	return credentials, nil
}

// Users are all users now.
func (s *Store) Users() *auth.Users { return s.users.Load() }

// AuthenticationSecret is random, and the same since the cluster first started
// with a version that had it.
func (s *Store) AuthenticationSecret() []byte { return s.secret }

func newSecret() []byte {
	secret := make([]byte, secretBytes)
	rand.Read(secret)
	return secret
}

// AlterUsers replaces the credentials of the users that change returns, given all
// users as they are; no credentials delete a user. It returns when that is
// durable.
func (s *Store) AlterUsers(change func(*auth.Users) map[string]auth.Credentials) error {
	s.altering.Lock()
	defer s.altering.Unlock()
	changes := change(s.Users())
	var records []record
	for name, credentials := range changes {
		r, err := userRecord(name, credentials)
		if err != nil {
			return err
		}
		records = append(records, r)
	}
	if err := s.partition.write(records); err != nil {
		return err
	}
	s.users.Store(s.Users().With(changes))
	return nil
}
