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

// explain explains failures of the network, of TLS and of SASL, and returns nil
// for other errors.
func (a *Access) explain(err error) *UnreachableError {
	where := strings.Join(a.cfg.Brokers, ", ")
	if at := new(dialError); errors.As(err, &at) {
		where = at.address
	}
	for _, explain := range []func(*Access, error, string) (string, bool){
		(*Access).explainCredentials, (*Access).explainNetwork, (*Access).explainTLS, (*Access).explainSASL, (*Access).explainSilence, (*Access).explainDial,
	} {
		if text, final := explain(a, err, where); text != "" {
			return &UnreachableError{Final: final, err: err, text: text}
		}
	}
	return nil
}

// Each explains one kind of failure, with nothing for those of other kinds, and
// tells whether it is final.

// explainCredentials comes first: why a token could not be fetched may look like
// why a broker cannot be reached.
func (a *Access) explainCredentials(err error, where string) (text string, final bool) {
	var missing *CredentialError
	if !errors.As(err, &missing) {
		return "", false
	}
	return fmt.Sprintf("cannot authenticate to %s: %v", where, missing), !missing.Passing
}

func (a *Access) explainNetwork(err error, where string) (text string, final bool) {
	var unknownHost *net.DNSError
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Sprintf("no broker at %s: %s, or name another with %s", where, a.names.Start, a.names.Brokers), false
	case errors.As(err, &unknownHost) && unknownHost.IsNotFound:
		return fmt.Sprintf("no host named %q: check %s", unknownHost.Name, a.names.Brokers), false
	case errors.As(err, &unknownHost):
		return fmt.Sprintf("cannot look up the host %q: %v", unknownHost.Name, unknownHost.Err), false
	case strings.Contains(err.Error(), "HTTP response"): // the client has no type for this one
		return fmt.Sprintf("%s speaks HTTP and not the Kafka protocol: check %s", where, a.names.Brokers), true
	}
	return "", false
}

func (a *Access) explainTLS(err error, where string) (text string, final bool) {
	var (
		notTLS    tls.RecordHeaderError
		untrusted *tls.CertificateVerificationError
		network   *net.OpError
	)
	switch {
	case errors.As(err, &untrusted):
		return fmt.Sprintf("the certificate of %s is not trusted: %v: name its authority with %s", where, untrusted.Err, a.names.CA), true
	case errors.As(err, &notTLS):
		return fmt.Sprintf("%s does not speak TLS: leave out %s", where, a.names.TLS), true
	case strings.Contains(err.Error(), "speaking to a tls endpoint"): // nor for this one
		return fmt.Sprintf("%s speaks TLS: give %s", where, a.names.TLS), true
	case errors.As(err, &network) && network.Op == "remote error": // how crypto/tls marks an alert
		if a.cfg.TLS.Cert == "" {
			return fmt.Sprintf("%s wants a certificate that it trusts: give one with %s and %s", where, a.names.Cert, a.names.Key), true
		}
		return fmt.Sprintf("%s refused our side of TLS: %v: check %s and %s", where, network.Err, a.names.Cert, a.names.Key), true
	}
	return "", false
}

func (a *Access) explainSASL(err error, where string) (text string, final bool) {
	switch {
	case errors.Is(err, kerr.SaslAuthenticationFailed):
		return fmt.Sprintf("%s does not let %q in (%s): check %s", where, a.cfg.SASL.User, said(err), a.credentials()), true
	case strings.Contains(err.Error(), "unexpected data in oauth response"): // a refusal as JSON (RFC 7628, section 3.2.2)
		return fmt.Sprintf("%s refused our token: check %s", where, a.credentials()), true
	case errors.Is(err, kerr.UnsupportedSaslMechanism):
		return fmt.Sprintf("%s does not offer %s: name another mechanism with %s", where, a.cfg.SASL.Mechanism, a.names.Mechanism), true
	case errors.Is(err, kerr.IllegalSaslState):
		return fmt.Sprintf("%s does not ask who we are: leave out %s, or name another listener with %s",
			where, a.names.Login, a.names.Brokers), true
	}
	return "", false
}

// credentials are the settings that a refusal may be due to.
func (a *Access) credentials() string {
	switch {
	case a.cfg.SASL.Token != "":
		return a.names.Token
	case a.cfg.SASL.TokenURL != "":
		return fmt.Sprintf("%s, %s and %s", a.names.TokenURL, a.names.User, a.names.Scope)
	}
	return fmt.Sprintf("%s, %s and %s", a.names.Mechanism, a.names.User, a.names.Password)
}

// said is what the broker said behind Kafka's own words for the error code.
func said(err error) string {
	text := err.Error()
	if _, message, found := strings.Cut(text, ".: "); found {
		return message
	}
	return text
}

func (a *Access) explainSilence(err error, where string) (text string, final bool) {
	var firstRead *kgo.ErrFirstReadEOF
	if !errors.As(err, &firstRead) && !errors.Is(err, io.EOF) {
		return "", false
	}
	who, secure := a.names.Login, a.names.TLS
	if a.cfg.SASL.Mechanism != "" {
		who = "other credentials (" + a.credentials() + ")"
	}
	if a.cfg.TLS.On() {
		secure = "no " + a.names.TLS
	}
	return fmt.Sprintf("%s closed the connection: it may want %s or %s, or not be a Kafka listener", where, who, secure), false
}

// explainDial is for connections that did not come about for any other reason, but
// for want of time: that the caller can tell, who knows how much there was.
func (a *Access) explainDial(err error, where string) (text string, final bool) {
	at := new(dialError)
	if !errors.As(err, &at) || Late(err) {
		return "", false
	}
	why := at.err
	if network := new(net.OpError); errors.As(why, &network) {
		why = network.Err
	}
	return fmt.Sprintf("cannot connect to %s: %v: check %s", where, why, a.names.Brokers), false
}
