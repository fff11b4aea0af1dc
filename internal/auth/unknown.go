package auth

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
)

// challenge is what a client that claims to be somebody is checked against.
type challenge struct {
	scram Mechanism
	Credential
	known bool // otherwise the credential was made up, and nothing matches it
}

// challengeOf is the challenge for a user who may be unknown. For a user who is,
// it is the same at every attempt and after every start, and made like those of
// others, so that asking does not tell who is known.
func (u *Users) challengeOf(m Mechanism, user string, secret []byte) (challenge, error) {
	made, err := u.makeUp(m, user, secret) // also for a known user: it takes time
	if err != nil {
		return challenge{}, err
	}
	if scram, c, ok := u.byName[user].against(m); ok {
		return challenge{scram, c, true}, nil
	}
	return made, nil
}

// makeUp makes a credential of a name and the deployment's secret.
func (u *Users) makeUp(m Mechanism, user string, secret []byte) (challenge, error) {
	s := shape{scram: m, iterations: DefaultIterations, salt: saltBytes}
	if m == Plain {
		s.scram = ScramSHA512
	}
	pick, err := hkdf.Expand(sha256.New, secret, "shape of "+string(m)+" "+user, 8)
	if err != nil {
		return challenge{}, err
	}
	if all := u.shapes[m]; len(all) > 0 {
		s = all[binary.BigEndian.Uint64(pick)%uint64(len(all))]
	}
	salt, err := hkdf.Expand(sha256.New, secret, "salt of "+string(s.scram)+" "+user, s.salt)
	if err != nil {
		return challenge{}, err
	}
	if s.base36 {
		for i, b := range salt {
			salt[i] = "0123456789abcdefghijklmnopqrstuvwxyz"[int(b)%36]
		}
	}
	nothing := make([]byte, s.scram.size())
	return challenge{scram: s.scram, Credential: Credential{
		Iterations: s.iterations, Salt: salt, StoredKey: nothing, ServerKey: nothing}}, nil
}
