package auth

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// greet is what the node answers to the first message of a user.
func greet(t *testing.T, r *Realm, m Mechanism, user string) string {
	t.Helper()
	r.nonce = func() string { return "n" }
	s := r.open()
	if err := s.Begin(string(m)); err != nil {
		t.Fatal(err)
	}
	reply, err := s.Step(t.Context(), []byte("n,,n="+user+",r=x"))
	if err != nil {
		t.Fatal(err)
	}
	return string(reply)
}

func TestUnknownUsersAreAnsweredAlikeAtEveryStart(t *testing.T) {
	u := users(t, 5000, "alice:a")
	first, again := greet(t, realm(u), ScramSHA256, "bob"), greet(t, realm(u), ScramSHA256, "bob")
	if first != again {
		t.Errorf("%s, then %s", first, again)
	}
	others := map[string]string{
		"another user":      greet(t, realm(u), ScramSHA256, "carol"),
		"another mechanism": greet(t, realm(u), ScramSHA512, "bob"),
		"another secret":    greet(t, realm(u, func(c *Config) { c.Secret = []byte(strings.Repeat("x", 32)) }), ScramSHA256, "bob"),
	}
	for name, got := range others {
		if got == first {
			t.Errorf("%s has the same salt: %s", name, got)
		}
	}
	known := greet(t, realm(u), ScramSHA256, "alice")
	if len(known) != len(first) || !strings.HasSuffix(first, ",i=5000") {
		t.Errorf("%s\n%s", known, first)
	}
}

// Whatever the credentials look like, the made-up ones look like some of them.
func TestUnknownUsersHaveTheShapesOfKnownOnes(t *testing.T) {
	salts := map[string][]byte{"evident": bytes.Repeat([]byte{0xff}, 24), "kafka": []byte("1a2b3c4d5e6f7g8h9i0j1k2l3m"), "short": bytes.Repeat([]byte{0xff}, 8)}
	byName := make(map[string]Credentials)
	for name, salt := range salts {
		byName[name] = Credentials{ScramSHA256: FromSaltedPassword(ScramSHA256, []byte("x"), salt, 4096+len(salt))}
	}
	u := NewUsers(byName)
	seen := make(map[shape]bool)
	for i := range 200 {
		c, err := u.challengeOf(ScramSHA256, fmt.Sprint("nobody", i), []byte("secret"))
		if err != nil || c.known {
			t.Fatalf("%+v, %v", c, err)
		}
		seen[shapeOf(c.scram, c.Credential)] = true
	}
	for _, credentials := range byName {
		if s := shapeOf(ScramSHA256, credentials[ScramSHA256]); !seen[s] {
			t.Errorf("nobody has the shape %+v", s)
		}
		delete(seen, shapeOf(ScramSHA256, credentials[ScramSHA256]))
	}
	if len(seen) != 0 {
		t.Errorf("nobody known has the shapes %v", seen)
	}
	if c, err := u.challengeOf(Plain, "nobody", []byte("secret")); err != nil || c.scram != ScramSHA256 {
		t.Errorf("PLAIN computes %s for unknown users, and SCRAM-SHA-256 for all known ones, %v", c.scram, err)
	}
	if c, err := NewUsers(nil).challengeOf(Plain, "nobody", []byte("secret")); err != nil || c.Iterations != DefaultIterations {
		t.Errorf("without any user: %+v, %v", c, err)
	}
}

func TestNothingMatchesAMadeUpCredential(t *testing.T) {
	u := users(t, MinIterations, "alice:a")
	c, err := u.challengeOf(ScramSHA512, "bob", []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	// Even somebody who had its keys would not be let in.
	r := realm(u)
	err = r.judge(t.Context(), attempt{mechanism: ScramSHA512, user: "bob", known: c.known, verify: func() (bool, error) { return true, nil }})
	failure(t, err)
}
