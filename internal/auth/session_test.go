package auth

import (
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestEveryMechanismKnowsItsUsers(t *testing.T) {
	r := realm(users(t, MinIterations, "alice:wonder land", "a,b=c:=,", "ümlaut:pässwörd"))
	for _, m := range Mechanisms() {
		for user, password := range map[string]string{"alice": "wonder land", "a,b=c": "=,", "ümlaut": "pässwörd"} {
			s := r.open()
			if err := login(s, m, user, password); err != nil || s.Principal() != User(user) || !s.Expires().IsZero() {
				t.Errorf("%s, %s: %v, principal %v", m, user, err, s.Principal())
			}
			for name, wrong := range map[string]string{"wrong password": password + "x", "unknown user": password} {
				claimed := user
				if name == "unknown user" {
					claimed += "x"
				}
				s = r.open()
				err := login(s, m, claimed, wrong)
				if f := failure(t, err); f.Public != "wrong user or password" || f.User != claimed || s.Known() {
					t.Errorf("%s, %s: %s: %+v", m, user, name, f)
				}
			}
		}
	}
}

func TestTheLogTellsWhatTheClientIsNotTold(t *testing.T) {
	r := realm(users(t, MinIterations, "alice:a"))
	unknown, wrong := login(r.open(), ScramSHA256, "bob", "a").Error(), login(r.open(), ScramSHA256, "alice", "b").Error()
	if !strings.Contains(unknown, `SCRAM-SHA-256 as "bob": no such user`) || !strings.Contains(wrong, `SCRAM-SHA-256 as "alice": wrong password`) {
		t.Errorf("%s\n%s", unknown, wrong)
	}
}

func TestMechanismsOfAnotherListenerAreRefused(t *testing.T) {
	r := realm(users(t, MinIterations, "alice:a"))
	s := r.Session([]Mechanism{ScramSHA512}, r.open().from)
	for _, name := range []string{"PLAIN", "SCRAM-SHA-1", "scram-sha-512", "", strings.Repeat("x", 1000)} {
		if err := s.Begin(name); !errors.Is(err, ErrUnsupportedMechanism) || len(err.Error()) > 200 {
			t.Errorf("%.20s: %v", name, err)
		}
	}
	if err := login(s, ScramSHA512, "alice", "a"); err != nil {
		t.Errorf("the client cannot choose again: %v", err)
	}
}

// The nonce that ends an exchange must be the one that we gave, so that it cannot be
// played back.
func TestNonces(t *testing.T) {
	const nonce = "client" + "server"
	u := users(t, MinIterations, "alice:a")
	c := u.Get("alice")[ScramSHA256]
	salted, err := saltPassword(ScramSHA256, "a", c.Salt, c.Iterations)
	if err != nil {
		t.Fatal(err)
	}
	h := ScramSHA256.hash()
	for sent, accepted := range map[string]bool{
		nonce:               true,
		"client" + nonce:    true, // librdkafka before 2.6.1
		"client":            false,
		"other" + nonce:     false,
		nonce + "x":         false,
		"clientother":       false,
		"clientclient":      false,
		"serverclient":      false,
		nonce + nonce:       false,
		"clientserve":       false,
		"client" + "SERVER": false,
	} {
		r := realm(u)
		r.nonce = func() string { return "server" }
		s := r.open()
		if err := s.Begin("SCRAM-SHA-256"); err != nil {
			t.Fatal(err)
		}
		greeting, err := s.Step(t.Context(), []byte("n,,n=alice,r=client"))
		if err != nil {
			t.Fatal(err)
		}
		// The proof of somebody who knows the password, for the nonce that is sent.
		bare := "c=biws,r=" + sent
		clientKey := mac(h, salted, "Client Key")
		signature := mac(h, c.StoredKey, "n=alice,r=client,"+string(greeting)+","+bare)
		subtle.XORBytes(clientKey, clientKey, signature)
		_, err = s.Step(t.Context(), []byte(bare+",p="+base64.StdEncoding.EncodeToString(clientKey)))
		if (err == nil) != accepted {
			t.Errorf("%s: %v", sent, err)
		}
	}
}

func TestMessagesAtTheWrongTime(t *testing.T) {
	r := realm(users(t, MinIterations, "alice:a"))
	s := r.open()
	if _, err := s.Step(t.Context(), []byte("\x00alice\x00a")); !errors.Is(err, ErrIllegalState) {
		t.Errorf("a message before the handshake: %v", err)
	}
	if err := s.Begin("PLAIN"); err != nil {
		t.Fatal(err)
	}
	if err := s.Begin("PLAIN"); !errors.Is(err, ErrIllegalState) {
		t.Errorf("a second handshake: %v", err)
	}
	if _, err := s.Step(t.Context(), []byte("\x00alice\x00a")); err != nil || !s.Known() {
		t.Fatal(err)
	}
	if _, err := s.Step(t.Context(), []byte("\x00alice\x00a")); !errors.Is(err, ErrIllegalState) {
		t.Errorf("a message after the end: %v", err)
	}
	if err := s.Begin("PLAIN"); !errors.Is(err, ErrIllegalState) {
		t.Errorf("re-authentication of a session without end: %v", err)
	}
}

func TestReauthenticationKeepsMechanismAndUser(t *testing.T) {
	now := time.Now()
	r := realm(users(t, MinIterations, "alice:a", "bob:b"), func(c *Config) {
		c.SessionLifetime, c.Now = time.Hour, func() time.Time { return now }
	})
	begun := func() *Session {
		t.Helper()
		s := r.open()
		if err := login(s, ScramSHA256, "alice", "a"); err != nil || s.Expires() != now.Add(time.Hour) {
			t.Fatalf("expires %v, %v", s.Expires(), err)
		}
		return s
	}
	s := begun()
	for range 2 {
		now = now.Add(2 * time.Hour) // the session has ended: that is for the connection to see
		if err := login(s, ScramSHA256, "alice", "a"); err != nil || s.Expires() != now.Add(time.Hour) {
			t.Errorf("expires %v, %v", s.Expires(), err)
		}
	}
	if err := s.Begin("SCRAM-SHA-256"); !errors.Is(err, ErrIllegalState) {
		t.Errorf("twice within a second: %v", err)
	}
	if err := login(begun(), ScramSHA256, "bob", "b"); !strings.Contains(failure(t, err).Public, "the user cannot change") {
		t.Error(err)
	}
	if err := login(begun(), Plain, "alice", "a"); !strings.Contains(failure(t, err).Public, "the mechanism SCRAM-SHA-256 cannot change") {
		t.Error(err)
	}
	s = begun()
	if err := login(s, ScramSHA256, "alice", "wrong"); !s.Known() || failure(t, err) == nil {
		t.Error(err)
	}
}

// PLAIN has no credentials of its own; of a user's SCRAM credentials it uses the
// strongest.
func TestPlainUsesTheStrongestCredential(t *testing.T) {
	u := users(t, MinIterations, "alice:new", "bob:b")
	weak, err := NewCredential(ScramSHA256, "old", MinIterations)
	if err != nil {
		t.Fatal(err)
	}
	u = u.With(map[string]Credentials{
		"alice": {ScramSHA256: weak, ScramSHA512: u.Get("alice")[ScramSHA512]},
		"bob":   {ScramSHA256: weak},
	})
	r := realm(u)
	if err := login(r.open(), Plain, "alice", "new"); err != nil {
		t.Error(err)
	}
	failure(t, login(r.open(), Plain, "alice", "old"))
	if err := login(r.open(), Plain, "bob", "old"); err != nil {
		t.Error(err)
	}
	failure(t, login(r.open(), ScramSHA512, "bob", "old"))
}

func TestPlainMessages(t *testing.T) {
	for _, c := range []struct{ message, user, password, want string }{
		{"\x00u\x00p", "u", "p", ""},
		{"u\x00u\x00p", "u", "p", ""},
		{"u\x00p", "", "", "this one 2"},
		{"\x00u\x00p\x00", "", "", "this one 4"},
		{"", "", "", "this one 1"},
		{"\x00\x00p", "", "", "no user"},
		{"\x00u\x00", "", "", "no password"},
		{"x\x00u\x00p", "", "", "as another"},
		{"\x00\xff\x00p", "", "", "UTF-8"},
	} {
		user, password, err := parsePlain(c.message)
		switch {
		case c.want == "" && (err != nil || user != c.user || password != c.password):
			t.Errorf("%q: %q, %q, %v", c.message, user, password, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || password != ""):
			t.Errorf("%q: got %v, want %q", c.message, err, c.want)
		}
	}
}

func TestTheLastRightPasswordIsNotComputedAgain(t *testing.T) {
	u := users(t, MinIterations, "alice:a", "bob:a")
	r := NewRealm(Config{Users: func() *Users { return u }, Secret: []byte("secret")})
	for range 2 {
		if err := login(r.open(), Plain, "alice", "a"); err != nil {
			t.Fatal(err)
		}
	}
	alice := u.Get("alice")[ScramSHA512]
	for name, c := range map[string]struct {
		user       string
		credential Credential
		password   string
		want       bool
	}{
		"right":              {"alice", alice, "a", true},
		"wrong":              {"alice", alice, "b", false},
		"another user":       {"bob", u.Get("bob")[ScramSHA512], "a", false},
		"another credential": {"alice", u.Get("alice")[ScramSHA256], "a", false},
	} {
		if got := r.last.right(c.user, c.credential, c.password); got != c.want {
			t.Errorf("%s: remembered is %v", name, got)
		}
	}
	u = users(t, MinIterations, "alice:new")
	failure(t, login(r.open(), Plain, "alice", "a"))
	u = u.With(map[string]Credentials{"alice": nil})
	failure(t, login(r.open(), Plain, "alice", "new"))
	for i := range maxRemembered + 10 {
		r.last.add(fmt.Sprint(i), alice, "a")
	}
	if n := len(r.last.mu.macs); n > maxRemembered {
		t.Errorf("%d are remembered", n)
	}
}
