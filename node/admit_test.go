package node

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"log/slog"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"
)

func TestWhatAListenerLetsInIsSaid(t *testing.T) {
	sasl := []string{"PLAIN"}
	for name, c := range map[string]struct {
		listener Listener
		users    int
		warn     string // parts of the warnings, in order, with | between them
		info     string
	}{
		"loopback":                {Listener{Address: "127.0.0.1:1"}, 0, "", ""},
		"loopback with SASL":      {Listener{Address: "127.0.0.1:1", SASL: sasl}, 1, "", ""},
		"nobody to log in":        {Listener{Address: "127.0.0.1:1", SASL: sasl}, 0, "nobody can log in", ""},
		"open to all":             {Listener{Address: "10.0.0.1:1", TLSCert: "c"}, 1, "whoever reaches", ""},
		"open and in plain text":  {Listener{Address: "10.0.0.1:1"}, 1, "whoever reaches", ""},
		"SASL over TLS":           {Listener{Address: "10.0.0.1:1", TLSCert: "c", SASL: sasl}, 1, "", "authorization is off"},
		"certificates of clients": {Listener{Address: "10.0.0.1:1", TLSCert: "c", TLSClientCA: "c"}, 0, "", "authorization is off"},
		"passwords in plain text": {Listener{Address: "10.0.0.1:1", SASL: sasl}, 0, "nobody can log in|plain text", "authorization is off"},
	} {
		got := map[slog.Level][]string{}
		for _, concern := range c.listener.concerns(c.users) {
			got[concern.level] = append(got[concern.level], concern.text)
		}
		for level, want := range map[slog.Level]string{slog.LevelWarn: c.warn, slog.LevelInfo: c.info} {
			parts := strings.FieldsFunc(want, func(r rune) bool { return r == '|' })
			if len(got[level]) != len(parts) {
				t.Errorf("%s: %v: got %q, want %q", name, level, got[level], parts)
				continue
			}
			for i, part := range parts {
				if !strings.Contains(got[level][i], part) {
					t.Errorf("%s: %v: got %q, want %q", name, level, got[level][i], part)
				}
			}
		}
	}
}

// The principal of a certificate is written as Kafka writes it, so that what was
// configured for Kafka fits.
func TestCertificatesNameTheirClients(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for want, subject := range map[string]pkix.Name{
		"User:CN=billing,OU=Finance,O=Example\\, Inc.,C=DE": {CommonName: "billing", OrganizationalUnit: []string{"Finance"}, Organization: []string{"Example, Inc."}, Country: []string{"DE"}},
		"": {},
	} {
		template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: subject, NotAfter: time.Now().Add(time.Hour)}
		der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
		if err != nil {
			t.Fatal(err)
		}
		certificates := []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}
		inner, outer := net.Pipe()
		server := tls.Server(inner, &tls.Config{Certificates: certificates, ClientAuth: tls.RequireAnyClientCert})
		client := tls.Client(outer, &tls.Config{Certificates: certificates, InsecureSkipVerify: true})
		shaken := make(chan error, 1)
		go func() { shaken <- client.HandshakeContext(context.Background()) }()
		principal, err := certified(t.Context(), server)
		if (err != nil) != (want == "") || err == nil && principal.String() != want {
			t.Errorf("got %v, %v, want %q", principal, err, want)
		}
		if err := <-shaken; err != nil {
			t.Error(err)
		}
		outer.Close()
	}
}
