package cluster

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
)

// remoteAlert is how crypto/tls gives an alert of the other side.
func remoteAlert(text string) error {
	return &net.OpError{Op: "remote error", Err: errors.New("tls: " + text)}
}

func TestWhatKeepsUsOutIsExplained(t *testing.T) {
	alice := SASL{Mechanism: Plain, User: "alice", Password: "env:P"}
	bearer := SASL{Mechanism: OAuthBearer, Token: "env:T"}
	secure := TLS{Enabled: true}
	at := func(err error) error { return &dialError{"broker:1", err} }
	for name, c := range map[string]struct {
		tls   TLS
		sasl  SASL
		err   error
		want  string
		final bool
	}{
		"nobody listens":      {err: at(syscall.ECONNREFUSED), want: "no broker at broker:1: start one, or name another with --brokers"},
		"no such host":        {err: at(&net.DNSError{Name: "broker", IsNotFound: true}), want: `no host named "broker": check --brokers`},
		"names fail":          {err: at(&net.DNSError{Name: "broker", Err: "server misbehaving"}), want: `cannot look up the host "broker": server misbehaving`},
		"no way there":        {err: at(&net.OpError{Op: "dial", Err: syscall.ENETUNREACH}), want: "cannot connect to broker:1: network is unreachable: check --brokers"},
		"HTTP":                {err: errors.New("looks like an HTTP response"), want: "a:1 speaks HTTP and not the Kafka protocol: check --brokers", final: true},
		"certificate of them": {tls: secure, err: at(&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}), want: "the certificate of broker:1 is not trusted: x509: certificate signed by unknown authority: name its authority with --ca", final: true},
		"no TLS there":        {tls: secure, err: at(tls.RecordHeaderError{}), want: "broker:1 does not speak TLS: leave out --tls", final: true},
		"TLS there":           {err: errors.New("is this a plaintext connection speaking to a tls endpoint?"), want: "a:1 speaks TLS: give --tls", final: true},
		"no certificate":      {tls: secure, err: at(remoteAlert("bad certificate")), want: "broker:1 wants a certificate that it trusts: give one with --cert and --key", final: true},
		"wrong certificate":   {tls: TLS{Cert: "c", Key: "k"}, err: at(remoteAlert("bad certificate")), want: "broker:1 refused our side of TLS: tls: bad certificate: check --cert and --key", final: true},
		"wrong password":      {sasl: alice, err: fmt.Errorf("%w: no such user", kerr.SaslAuthenticationFailed), want: `a:1 does not let "alice" in (no such user): check --sasl, --user and --password`, final: true},
		"wrong token":         {sasl: bearer, err: errors.New("unexpected data in oauth response"), want: "a:1 refused our token: check --token", final: true},
		"no secret":           {sasl: bearer, err: &CredentialError{Err: errors.New("secret env:T is empty")}, want: "cannot authenticate to a:1: secret env:T is empty", final: true},
		"no token endpoint":   {sasl: bearer, err: &CredentialError{Err: syscall.ECONNREFUSED, Passing: true}, want: "cannot authenticate to a:1: connection refused"},
		"other mechanism":     {sasl: alice, err: kerr.UnsupportedSaslMechanism, want: "a:1 does not offer PLAIN: name another mechanism with --sasl", final: true},
		"no SASL there":       {sasl: alice, err: kerr.IllegalSaslState, want: "a:1 does not ask who we are: leave out --sasl, or name another listener with --brokers", final: true},
		"closed":              {err: io.EOF, want: "a:1 closed the connection: it may want --sasl or --tls, or not be a Kafka listener"},
		"closed on TLS":       {tls: secure, err: io.EOF, want: "a:1 closed the connection: it may want --sasl or no --tls, or not be a Kafka listener"},
		"closed on SASL":      {sasl: alice, err: io.EOF, want: "a:1 closed the connection: it may want other credentials (--sasl, --user and --password) or --tls, or not be a Kafka listener"},
		"something else":      {err: kerr.TopicAuthorizationFailed},
		"late":                {err: context.DeadlineExceeded},
		"late to connect":     {err: at(context.DeadlineExceeded)},
	} {
		a := &Access{cfg: Config{Brokers: []string{"a:1"}, TLS: c.tls, SASL: c.sasl}, names: flags(), dialer: new(dialer)}
		err := a.Explain(c.err)
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: explained as %v", name, err)
			}
			continue
		}
		var unreachable *UnreachableError
		if !errors.As(err, &unreachable) || err.Error() != c.want || unreachable.Final != c.final || !errors.Is(err, c.err) {
			t.Errorf("%s: got %+v\nwant %s (final: %v)", name, err, c.want, c.final)
		}
	}
}

func TestTheLastFailureToConnectCountsWhenTimeIsUp(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	a, err := Config{Brokers: []string{address}}.Access(flags())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.dialer.dial(t.Context(), "tcp", address); err == nil {
		t.Fatal("somebody listens")
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	_, _ = a.dialer.dial(canceled, "tcp", address) // is no news
	if err := a.Explain(context.DeadlineExceeded); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("got %v", err)
	}
	if err := a.Explain(kerr.TopicAuthorizationFailed); err != nil {
		t.Errorf("another error was explained as %v", err)
	}
}
