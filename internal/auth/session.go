package auth

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// minReauthentication is how often a session may be renewed, as in Kafka.
const minReauthentication = time.Second

// Session is one connection's authentication, and its re-authentications
// (KIP-368). It belongs to one goroutine at a time.
type Session struct {
	realm      *Realm
	mechanisms []Mechanism
	from       netip.Addr

	chosen   Mechanism // of the exchange under way, or else the last
	exchange exchange  // nil: none is under way

	// Of a client who is known.
	principal Principal // zero: unknown yet
	mechanism Mechanism
	expires   time.Time // zero: never
	renewed   time.Time // when the last re-authentication began
}

// exchange is a mechanism at work.
type exchange interface {
	// step takes the client's next message. A user ends it well, an error badly.
	step(ctx context.Context, message []byte) (reply []byte, user string, err error)
}

// Session begins with a client that nothing is known of but its address, which
// may be the zero Addr, and lets it choose among mechanisms.
func (r *Realm) Session(mechanisms []Mechanism, from netip.Addr) *Session {
	return &Session{realm: r, mechanisms: mechanisms, from: from}
}

// Mechanisms are those that the client may choose.
func (s *Session) Mechanisms() []Mechanism { return s.mechanisms }

// Known tells whether the client has proven who it is. It stays true while it
// does so again.
func (s *Session) Known() bool { return s.principal != Principal{} }

// Exchanging tells whether the client's next message is for Step.
func (s *Session) Exchanging() bool { return s.exchange != nil }

// Mechanism is that of the exchange under way, or else of the last one.
func (s *Session) Mechanism() Mechanism { return s.chosen }

// Principal is who the client is; only if Known.
func (s *Session) Principal() Principal { return s.principal }

// Expires is when the client must have proven again who it is. The zero time is
// never.
func (s *Session) Expires() time.Time { return s.expires }

// Begin begins an exchange with the mechanism of the given name. The error is
// ErrUnsupportedMechanism, after which the client may choose again, or
// ErrIllegalState.
func (s *Session) Begin(name string) error {
	now := s.realm.cfg.Now()
	switch {
	case s.Exchanging():
		return fmt.Errorf("%w: an exchange is under way", ErrIllegalState)
	case s.Known() && s.expires.IsZero():
		return fmt.Errorf("%w: the client is known already, and need not prove it again", ErrIllegalState)
	case s.Known() && now.Sub(s.renewed) < minReauthentication:
		return fmt.Errorf("%w: the client has only just proven again who it is", ErrIllegalState)
	}
	m := Mechanism(name)
	if !slices.Contains(s.mechanisms, m) {
		return fmt.Errorf("%w %s: this listener has %v", ErrUnsupportedMechanism, shortened(name), s.mechanisms)
	}
	if s.Known() {
		s.renewed = now
	}
	s.chosen = m
	if m == Plain {
		s.exchange = plainExchange{s}
	} else {
		s.exchange = &scramExchange{s: s, mechanism: m}
	}
	return nil
}

// Step takes the client's next message and returns what to reply, which may be
// nothing. It may wait. Afterwards either the exchange goes on, or the client is
// Known. The error is ErrIllegalState, a *[FailedError], or that of ctx or of the
// system's cryptography; the connection is to be closed then.
func (s *Session) Step(ctx context.Context, message []byte) ([]byte, error) {
	if !s.Exchanging() {
		return nil, fmt.Errorf("%w: no mechanism was chosen, or the exchange is over", ErrIllegalState)
	}
	if s.Known() && s.chosen != s.mechanism {
		return nil, s.changed(fmt.Sprintf("mechanism %s", s.mechanism))
	}
	reply, user, err := s.exchange.step(ctx, message)
	if err != nil || user == "" {
		return reply, err
	}
	s.exchange = nil
	if s.Known() && s.principal != User(user) {
		return nil, s.changed("user")
	}
	s.principal, s.mechanism = User(user), s.chosen
	if lifetime := s.realm.cfg.SessionLifetime; lifetime > 0 {
		s.expires = s.realm.cfg.Now().Add(lifetime)
	}
	return reply, nil
}

// changed refuses a re-authentication as another.
func (s *Session) changed(what string) error {
	text := fmt.Sprintf("the %s cannot change when a client proves again who it is", what)
	return &FailedError{Mechanism: s.chosen, User: s.principal.Name, Reason: text, Public: text}
}
