package broker

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/evidentlog/evident/internal/auth"
)

// door is another listener of a server.
type door struct {
	*server
	roots *x509.CertPool // nil: plain text
}

// guarded opens a listener that wants SASL, with TLS if there is a certificate.
func (s *server) guarded(certificate *tls.Certificate, mechanisms ...auth.Mechanism) *door {
	s.t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	d := &door{server: &server{Broker: s.Broker, t: s.t, log: s.log, fs: s.fs, addr: ln.Addr().String()}}
	if certificate != nil {
		d.roots = x509.NewCertPool()
		d.roots.AddCert(certificate.Leaf)
		ln = tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{*certificate}})
	}
	port, _ := strconv.Atoi(d.addr[len("127.0.0.1:"):])
	d.info = ListenerInfo{Name: "guarded", AdvertisedHost: "127.0.0.1", AdvertisedPort: int32(port), SASL: mechanisms}
	served := make(chan error, 1)
	go func() { served <- s.Serve(context.Background(), ln, d.info) }()
	s.t.Cleanup(func() {
		s.stop()
		if err := <-served; err != nil && !errors.Is(err, errClosing) {
			s.t.Errorf("serve: %v", err)
		}
	})
	return d
}

// client returns a franz-go client that logs in.
func (d *door) client(m sasl.Mechanism, opts ...kgo.Opt) *kgo.Client {
	d.t.Helper()
	opts = append(opts, kgo.SASL(m))
	if d.roots != nil {
		opts = append(opts, kgo.DialTLSConfig(&tls.Config{RootCAs: d.roots}))
	}
	return d.server.client(opts...)
}

func mechanism(m auth.Mechanism, user, password string) sasl.Mechanism {
	switch m {
	case auth.ScramSHA256:
		return scram.Auth{User: user, Pass: password}.AsSha256Mechanism()
	case auth.ScramSHA512:
		return scram.Auth{User: user, Pass: password}.AsSha512Mechanism()
	}
	return plain.Auth{User: user, Pass: password}.AsMechanism()
}

// user gives a user a password, for both SCRAM mechanisms.
func (s *server) user(name, password string) {
	s.t.Helper()
	for _, m := range []kadm.ScramMechanism{kadm.ScramSha256, kadm.ScramSha512} {
		rs, err := s.admin().AlterUserSCRAMs(s.t.Context(), nil, []kadm.UpsertSCRAM{{User: name, Mechanism: m, Password: password}})
		if err == nil {
			err = rs.Error()
		}
		if err != nil {
			s.t.Fatal(err)
		}
	}
}

func certificate(t testing.TB) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func handshake(version int16, mechanism string) *kmsg.SASLHandshakeRequest {
	req := kmsg.NewPtrSASLHandshakeRequest()
	req.Version, req.Mechanism = version, mechanism
	return req
}

func authenticate(version int16, token string) *kmsg.SASLAuthenticateRequest {
	req := kmsg.NewPtrSASLAuthenticateRequest()
	req.Version, req.SASLAuthBytes = version, []byte(token)
	return req
}

// login authenticates a raw connection with PLAIN and returns the last response.
func (r *raw) login(user, password string) *kmsg.SASLAuthenticateResponse {
	r.t.Helper()
	if resp := ask[*kmsg.SASLHandshakeResponse](r, handshake(1, "PLAIN")); resp.ErrorCode != 0 {
		r.t.Fatalf("handshake: %+v", resp)
	}
	return ask[*kmsg.SASLAuthenticateResponse](r, authenticate(2, "\x00"+user+"\x00"+password))
}
