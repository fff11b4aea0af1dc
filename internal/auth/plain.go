package auth

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"
)

// plainExchange is the one message of PLAIN (RFC 4616).
type plainExchange struct{ s *Session }

func (p plainExchange) step(ctx context.Context, message []byte) ([]byte, string, error) {
	user, password, err := parsePlain(string(message))
	if err != nil {
		return nil, "", &FailedError{Mechanism: Plain, User: user, Reason: err.Error(), Public: err.Error()}
	}
	r := p.s.realm
	c, err := r.cfg.Users().challengeOf(Plain, user, r.cfg.Secret)
	if err != nil {
		return nil, "", err
	}
	err = r.judge(ctx, attempt{
		mechanism: Plain, from: p.s.from, user: user, known: c.known, costly: true,
		verify: func() (bool, error) { return r.checkPlain(user, c, password) },
	})
	if err != nil {
		return nil, "", err
	}
	return []byte{}, user, nil
}

// checkPlain tells whether the password is the user's. That it is right may be
// known from the last time; that it is wrong takes as long as for a user who is
// unknown.
func (r *Realm) checkPlain(user string, c challenge, password string) (bool, error) {
	if c.known && r.last.right(user, c.Credential, password) {
		return true, nil
	}
	right, err := c.matches(c.scram, password)
	if right && c.known {
		r.last.add(user, c.Credential, password)
	}
	return right, err
}

// parsePlain reads [authorization id] NUL user NUL password.
func parsePlain(message string) (user, password string, err error) {
	parts := strings.Split(message, "\x00")
	if len(parts) != 3 {
		return "", "", fmt.Errorf("a PLAIN message has 3 parts with NUL between them, this one %d", len(parts))
	}
	as, user, password := parts[0], parts[1], parts[2]
	switch {
	case user == "":
		return "", "", fmt.Errorf("the PLAIN message has no user")
	case !utf8.ValidString(user):
		return user, "", fmt.Errorf("the user's name is not UTF-8")
	case password == "":
		return user, "", fmt.Errorf("the PLAIN message has no password")
	case as != "" && as != user:
		return user, "", fmt.Errorf("a user cannot act as another")
	}
	return user, password, nil
}
