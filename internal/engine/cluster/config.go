// Package cluster is how a Kafka cluster that somebody else runs is reached:
// its addresses, TLS and SASL as options of a franz-go client, and what to tell
// a person when it cannot be reached.
//
// It connects nothing itself and knows no room of Evident; internal/engine and
// the client commands use it.
package cluster

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/evidentlog/evident/internal/secret"
)

// SASL mechanisms, by their names in Kafka.
const (
	Plain       = "PLAIN"
	ScramSHA256 = "SCRAM-SHA-256"
	ScramSHA512 = "SCRAM-SHA-512"
	OAuthBearer = "OAUTHBEARER"
)

// Config is where a cluster is and how to get in.
type Config struct {
	// Brokers are host:port, at least one.
	Brokers []string
	// TLS says how to speak TLS, if at all.
	TLS TLS
	// SASL says who we are.
	SASL SASL
	// Insecure lets a password or token go over the network in plain text.
	Insecure bool
	// DialTimeout is how long a connection may take to come about. Default: 10 s.
	DialTimeout time.Duration
}

// TLS is how TLS is spoken. The zero value is plain text.
type TLS struct {
	// Enabled is implied by any of the files.
	Enabled bool
	// CA is a PEM file of certificates that sign the brokers'. Default: those
	// that the machine trusts.
	CA string
	// Cert and Key are PEM files of the certificate that we show. Default: none.
	Cert, Key string
}

// On tells whether TLS is spoken.
func (t TLS) On() bool { return t.Enabled || t.CA != "" || t.Cert != "" || t.Key != "" }

// SASL is who we are. The zero value is nobody.
type SASL struct {
	// Mechanism is [Plain], [ScramSHA256], [ScramSHA512], [OAuthBearer] or none.
	Mechanism string
	// User is the user's name, or with TokenURL the client id.
	User string
	// Password is a reference ("env:NAME" or "file:PATH") to the user's
	// password, or with TokenURL to the client secret.
	Password string
	// Token is a reference to a bearer token. For OAuthBearer only.
	Token string
	// TokenURL is an endpoint that gives a bearer token for client credentials
	// (RFC 6749, section 4.4). For OAuthBearer without Token.
	TokenURL string
	// Scope is what the token is asked for, if the endpoint wants to know.
	Scope string
}

// Names are what those who configured a cluster call its settings, so that
// errors can name them: "--kafka-tls".
type Names struct {
	Brokers, TLS, CA, Cert, Key                       string
	Mechanism, User, Password, Token, TokenURL, Scope string
	Insecure                                          string
	// Login is the one without which nobody logs in.
	Login string
	// Start is what to do where no broker listens: `start one with "evident serve"`.
	Start string
}

// Validate reports what is wrong with the configuration, in words for whoever
// wrote it.
func (c Config) Validate(names Names) error {
	if len(c.Brokers) == 0 {
		return fmt.Errorf("%s names no broker: give host:port", names.Brokers)
	}
	if (c.TLS.Cert == "") != (c.TLS.Key == "") {
		return fmt.Errorf("%s and %s go together: give both", names.Cert, names.Key)
	}
	if err := errors.Join(reference(names.Password, c.SASL.Password), reference(names.Token, c.SASL.Token)); err != nil {
		return err
	}
	if err := c.SASL.validate(names); err != nil {
		return err
	}
	return c.plainText(names)
}

// plainText refuses to send what is secret in plain text.
func (c Config) plainText(names Names) error {
	if c.Insecure {
		return nil
	}
	if u, _ := url.Parse(c.SASL.TokenURL); u.Scheme == "http" && !Loopback(u.Host) { // it was parsed before
		return fmt.Errorf("%s %s would be told the client secret in plain text: use https, or allow it with %s", names.TokenURL, c.SASL.TokenURL, names.Insecure)
	}
	if naked := c.SASL.Mechanism == Plain || c.SASL.Mechanism == OAuthBearer; naked && !c.TLS.On() && !c.near() {
		return fmt.Errorf("%s %s would send a password or token in plain text: use %s, or allow it with %s",
			names.Mechanism, c.SASL.Mechanism, names.TLS, names.Insecure)
	}
	return nil
}

// validate checks that each mechanism has what it needs and no other does.
func (s SASL) validate(names Names) error {
	switch s.Mechanism {
	case Plain, ScramSHA256, ScramSHA512:
		if s.User == "" || s.Password == "" {
			return fmt.Errorf("%s %s needs a user and a password: give %s and %s", names.Mechanism, s.Mechanism, names.User, names.Password)
		}
		if s.Token != "" || s.TokenURL != "" || s.Scope != "" {
			return fmt.Errorf("%s %s takes no token: leave out %s, %s and %s", names.Mechanism, s.Mechanism, names.Token, names.TokenURL, names.Scope)
		}
		return nil
	case OAuthBearer:
		return s.validateToken(names)
	case "":
		if s != (SASL{}) {
			return fmt.Errorf("a user, password or token is of no use without a mechanism: give %s", names.Mechanism)
		}
		return nil
	}
	return fmt.Errorf("%s %q is none: want %s, %s, %s or %s", names.Mechanism, s.Mechanism, Plain, ScramSHA256, ScramSHA512, OAuthBearer)
}

func (s SASL) validateToken(names Names) error {
	fromEndpoint := s.TokenURL != "" && s.User != "" && s.Password != ""
	switch {
	case s.Token == "" && !fromEndpoint:
		return fmt.Errorf("%s %s needs a token: give %s, or %s with %s and %s as client id and secret",
			names.Mechanism, s.Mechanism, names.Token, names.TokenURL, names.User, names.Password)
	case s.Token != "" && (s.TokenURL != "" || s.User != "" || s.Password != ""):
		return fmt.Errorf("%s has a token already: leave out %s, or %s, %s and %s", names.Mechanism, names.Token, names.TokenURL, names.User, names.Password)
	case s.Token != "":
		return nil
	}
	if u, err := url.Parse(s.TokenURL); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return fmt.Errorf("%s %q is no endpoint for tokens: want https://HOST/PATH", names.TokenURL, s.TokenURL)
	}
	return nil
}

// reference checks a reference, if there is one. It does not repeat what was
// given instead, which may be the secret itself.
func reference(name, text string) error {
	if text == "" {
		return nil
	}
	if _, err := secret.Parse(text); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// near tells whether all brokers are on this machine.
func (c Config) near() bool {
	return !slices.ContainsFunc(c.Brokers, func(address string) bool { return !Loopback(address) })
}

// Loopback tells whether only this machine can connect to an address: host:port,
// or a host alone. A name other than "localhost" (RFC 6761) counts as beyond it,
// whatever it resolves to today.
func Loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
