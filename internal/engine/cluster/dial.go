package cluster

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

// dialPatience is how long a connection may take to come about.
const dialPatience = 10 * time.Second

// Dialer dials brokers and remembers the last failure, since the client retries
// and reports only that its time is up.
type Dialer struct {
	net.Dialer
	tls *tls.Config // nil: plain text

	mu   sync.Mutex
	last error // guarded by mu; nil after a success
}

func newDialer(t TLS, names Names) (*Dialer, error) {
	d := &Dialer{Dialer: net.Dialer{Timeout: dialPatience}}
	if !t.On() {
		return d, nil
	}
	d.tls = &tls.Config{MinVersion: tls.VersionTLS12}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, fmt.Errorf("cannot read the file that %s names: %w", names.CA, err)
		}
		d.tls.RootCAs = x509.NewCertPool()
		if !d.tls.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s %w: check %s", t.CA, errNoCertificate, names.CA)
		}
	}
	if t.Cert != "" {
		certificate, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, fmt.Errorf("cannot use the certificate of %s with the key of %s: %w", names.Cert, names.Key, err)
		}
		d.tls.Certificates = []tls.Certificate{certificate}
	}
	return d, nil
}

func (d *Dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := d.connect(ctx, network, address)
	if err != nil {
		err = &dialError{address, err}
	}
	d.mu.Lock()
	d.last = err
	d.mu.Unlock()
	return conn, err
}

func (d *Dialer) connect(ctx context.Context, network, address string) (net.Conn, error) {
	if d.tls == nil {
		return d.DialContext(ctx, network, address)
	}
	secure := tls.Dialer{NetDialer: &d.Dialer, Config: d.tls}
	return secure.DialContext(ctx, network, address)
}

// Failure is why the last attempt to connect failed, nil if it did not.
func (d *Dialer) Failure() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.last
}

// dialError names the address that was dialled, which may be one that a broker
// advertised and nobody typed.
type dialError struct {
	address string
	err     error
}

func (e *dialError) Error() string { return fmt.Sprintf("dial %s: %v", e.address, e.err) }
func (e *dialError) Unwrap() error { return e.err }
