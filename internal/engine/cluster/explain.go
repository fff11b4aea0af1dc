package cluster

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// UnreachableError is in one sentence why a cluster does not let us in, and
// what to do about it. It unwraps to the error itself.
type UnreachableError struct {
	// Final says that asking again will not help: a setting is wrong, ours or
	// the cluster's.
	Final bool

	err  error
	text string
}

func (e *UnreachableError) Error() string { return e.text }

// Unwrap returns the error that was explained.
func (e *UnreachableError) Unwrap() error { return e.err }

// Explain explains failures of the network, of TLS and of SASL, and returns nil
// for other errors.
func (c Config) Explain(err error, names Names) error {
	where := strings.Join(c.Brokers, ", ")
	if at := new(dialError); errors.As(err, &at) {
		where = at.address
	}
	for _, explain := range []func(Config, error, string, Names) (string, bool){
		Config.explainNetwork, Config.explainTLS, Config.explainSASL, Config.explainSilence,
	} {
		if text, final := explain(c, err, where, names); text != "" {
			return &UnreachableError{Final: final, err: err, text: text}
		}
	}
	return nil
}

// Each explains one kind of failure, with nothing for those of other kinds, and
// tells whether it is final.

func (Config) explainNetwork(err error, where string, names Names) (text string, final bool) {
	var unknownHost *net.DNSError
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Sprintf("no broker at %s: %s, or name another with %s", where, names.Start, names.Brokers), false
	case errors.As(err, &unknownHost) && unknownHost.IsNotFound:
		return fmt.Sprintf("no host named %q: check %s", unknownHost.Name, names.Brokers), false
	case errors.As(err, &unknownHost):
		return fmt.Sprintf("cannot look up the host %q: %v", unknownHost.Name, unknownHost.Err), false
	case strings.Contains(err.Error(), "HTTP response"): // the client has no type for this one
		return fmt.Sprintf("%s speaks HTTP and not the Kafka protocol: check %s", where, names.Brokers), true
	}
	return "", false
}

func (Config) explainTLS(err error, where string, names Names) (text string, final bool) {
	var (
		notTLS    tls.RecordHeaderError
		untrusted *tls.CertificateVerificationError
		network   *net.OpError
	)
	switch {
	case errors.As(err, &untrusted):
		return fmt.Sprintf("the certificate of %s is not trusted: %v: name its authority with %s", where, untrusted.Err, names.CA), true
	case errors.As(err, &notTLS):
		return fmt.Sprintf("%s does not speak TLS: leave out %s", where, names.TLS), true
	case strings.Contains(err.Error(), "speaking to a tls endpoint"): // nor for this one
		return fmt.Sprintf("%s speaks TLS: give %s", where, names.TLS), true
	case errors.As(err, &network) && network.Op == "remote error": // how crypto/tls marks an alert
		return fmt.Sprintf("%s refused our side of TLS: %v: check %s and %s", where, network.Err, names.Cert, names.Key), true
	}
	return "", false
}

func (c Config) explainSASL(err error, where string, names Names) (text string, final bool) {
	var missing *CredentialError
	switch {
	case errors.As(err, &missing):
		return fmt.Sprintf("cannot authenticate to %s: %v", where, missing), true
	case errors.Is(err, kerr.SaslAuthenticationFailed):
		return fmt.Sprintf("%s refused our credentials (%s): check %s", where, said(err), c.credentials(names)), true
	case strings.Contains(err.Error(), "unexpected data in oauth response"): // a refusal as JSON (RFC 7628, section 3.2.2)
		return fmt.Sprintf("%s refused our token: check %s", where, c.credentials(names)), true
	case errors.Is(err, kerr.UnsupportedSaslMechanism):
		return fmt.Sprintf("%s does not offer that SASL mechanism: choose another with %s", where, names.Mechanism), true
	case errors.Is(err, kerr.IllegalSaslState):
		return fmt.Sprintf("%s wants no SASL on that listener: leave out %s, or name another listener with %s",
			where, names.Mechanism, names.Brokers), true
	}
	return "", false
}

// credentials are the settings that a refusal may be due to.
func (c Config) credentials(names Names) string {
	switch {
	case c.SASL.Token != "":
		return names.Token
	case c.SASL.TokenURL != "":
		return fmt.Sprintf("%s, %s and %s", names.TokenURL, names.User, names.Scope)
	}
	return fmt.Sprintf("%s, %s and %s", names.Mechanism, names.User, names.Password)
}

// said is what the broker said behind Kafka's own words for the error code.
func said(err error) string {
	text := err.Error()
	if _, message, found := strings.Cut(text, ".: "); found {
		return message
	}
	return text
}

func (c Config) explainSilence(err error, where string, names Names) (text string, final bool) {
	var firstRead *kgo.ErrFirstReadEOF
	if !errors.As(err, &firstRead) && !errors.Is(err, io.EOF) {
		return "", false
	}
	var wants []string
	switch {
	case c.SASL.Mechanism != "":
		wants = append(wants, "other credentials ("+c.credentials(names)+")")
	case names.Mechanism != "":
		wants = append(wants, names.Mechanism)
	}
	if c.TLS.On() {
		wants = append(wants, "no "+names.TLS)
	} else {
		wants = append(wants, names.TLS)
	}
	return fmt.Sprintf("%s closed the connection: it may want %s, or not be a Kafka listener", where, strings.Join(wants, " or ")), false
}
