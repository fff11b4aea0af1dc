package cluster

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

// dialTimeout is the default of Config.DialTimeout.
const dialTimeout = 10 * time.Second

// dialer dials brokers and remembers the last failure, since the client retries
// and reports only that its time is up.
type dialer struct {
	net.Dialer
	tls *tls.Config // nil: plain text

	mu   sync.Mutex
	last error // guarded by mu; nil after a success
}

func newDialer(c Config, names Names) (*dialer, error) {
	d := &dialer{Dialer: net.Dialer{Timeout: cmp.Or(c.DialTimeout, dialTimeout)}}
	if !c.TLS.On() {
		return d, nil
	}
	d.tls = &tls.Config{MinVersion: tls.VersionTLS12}
	if c.TLS.CA != "" {
		pem, err := os.ReadFile(c.TLS.CA)
		if err != nil {
			return nil, fmt.Errorf("cannot read the file that %s names: %w", names.CA, err)
		}
		d.tls.RootCAs = x509.NewCertPool()
		if !d.tls.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s %w: check %s", c.TLS.CA, errNoCertificate, names.CA)
		}
	}
	if c.TLS.Cert != "" {
		certificate, err := tls.LoadX509KeyPair(c.TLS.Cert, c.TLS.Key)
		if err != nil {
			return nil, fmt.Errorf("cannot use the certificate of %s with the key of %s: %w", names.Cert, names.Key, err)
		}
		d.tls.Certificates = []tls.Certificate{certificate}
	}
	return d, nil
}

// errNoCertificate says that a PEM file has no certificate in it.
var errNoCertificate = errors.New("holds no certificate in PEM")

func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := d.connect(ctx, network, address)
	if err != nil {
		err = &dialError{address, err}
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return conn, err // nobody waits for it any more, which says nothing of the broker
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last = err
	return conn, err
}

func (d *dialer) connect(ctx context.Context, network, address string) (net.Conn, error) {
	if d.tls == nil {
		return d.DialContext(ctx, network, address)
	}
	secure := tls.Dialer{NetDialer: &d.Dialer, Config: d.tls}
	return secure.DialContext(ctx, network, address)
}

// failure is why the last attempt to connect failed, nil if it did not.
func (d *dialer) failure() error {
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
