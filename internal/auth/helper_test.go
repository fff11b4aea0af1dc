package auth

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// users makes users, "alice:secret", with credentials for both SCRAM mechanisms.
func users(t testing.TB, iterations int, pairs ...string) *Users {
	t.Helper()
	byName := make(map[string]Credentials)
	for _, p := range pairs {
		name, password, _ := strings.Cut(p, ":")
		byName[name] = Credentials{}
		for _, m := range []Mechanism{ScramSHA256, ScramSHA512} {
			c, err := NewCredential(m, password, iterations)
			if err != nil {
				t.Fatal(err)
			}
			byName[name][m] = c
		}
	}
	return NewUsers(byName)
}

func realm(u *Users, change ...func(*Config)) *Realm {
	cfg := Config{Users: func() *Users { return u }, Secret: []byte(strings.Repeat("s", 32))}
	for _, f := range change {
		f(&cfg)
	}
	return NewRealm(cfg)
}

// client is franz-go's side of a mechanism: another hand's reading of the RFCs.
func client(m Mechanism, user, password string) sasl.Mechanism {
	switch m {
	case ScramSHA256:
		return scram.Auth{User: user, Pass: password}.AsSha256Mechanism()
	case ScramSHA512:
		return scram.Auth{User: user, Pass: password}.AsSha512Mechanism()
	}
	return plain.Auth{User: user, Pass: password}.AsMechanism()
}

// login lets a client authenticate in a session, both sides to the end.
func login(s *Session, m Mechanism, user, password string) error {
	if err := s.Begin(string(m)); err != nil {
		return err
	}
	return exchanged(s, client(m, user, password))
}

func exchanged(s *Session, m sasl.Mechanism) error {
	ctx := context.Background()
	peer, message, err := m.Authenticate(ctx, "")
	for done := false; err == nil; {
		var reply []byte
		if message != nil {
			reply, err = s.Step(ctx, message)
		}
		if done || err != nil {
			break
		}
		done, message, err = peer.Challenge(reply)
		if done && message == nil {
			break
		}
	}
	return err
}

func (r *Realm) open() *Session {
	return r.Session(Mechanisms(), netip.MustParseAddr("192.0.2.1"))
}

// failure is err as a FailedError, which it must be.
func failure(t testing.TB, err error) *FailedError {
	t.Helper()
	var failed *FailedError
	if !errors.As(err, &failed) {
		t.Fatalf("got %v, want a FailedError", err)
	}
	return failed
}
