package tool

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/config"
)

// Client is a Kafka client that can say why it does not get through.
type Client struct {
	*kgo.Client
	cluster config.Client
	dialer  *dialer
}

// Connect makes a client and waits until one of the brokers has answered it. It
// gives up at once where nobody listens. The caller closes the client.
func (e Env) Connect(ctx context.Context, opts ...kgo.Opt) (*Client, error) {
	d, err := newDialer(e.Cluster)
	if err != nil {
		return nil, err
	}
	e.warnOfPlainText()
	all := append(e.options(d),
		kgo.RetryTimeout(e.Cluster.Timeout),
		// Also how long a new connection's first answer may take, whatever the
		// context says; the client takes 100 ms to 15 minutes.
		kgo.RequestTimeoutOverhead(max(100*time.Millisecond, min(e.Cluster.Timeout, 15*time.Minute))),
	)
	cl, err := kgo.NewClient(append(all, opts...)...)
	if err != nil {
		return nil, err
	}
	c := &Client{Client: cl, cluster: e.Cluster, dialer: d}
	timely, cancel := context.WithTimeout(ctx, e.Cluster.Timeout)
	defer cancel()
	if err := cl.Ping(timely); err != nil {
		cl.Close()
		return nil, c.Explain(ctx, err)
	}
	return c, nil
}

// Options make a client of the cluster for somebody who wants their own. They
// do not connect; [Env.Connect] finds out first whether the cluster is there.
func (e Env) Options() ([]kgo.Opt, error) {
	d, err := newDialer(e.Cluster)
	if err != nil {
		return nil, err
	}
	return e.options(d), nil
}

func (e Env) options(d *dialer) []kgo.Opt {
	all := []kgo.Opt{kgo.SeedBrokers(e.Cluster.Brokers...), kgo.ClientID("evident"), kgo.Dialer(d.dial)}
	if e.Cluster.User != "" {
		all = append(all, kgo.SASL(login(e.Cluster)))
	}
	return all
}

// Explain says in one sentence why a request did not get through and what to
// do about it. Other errors, nil among them, it returns as they are. ctx is
// that of the whole command.
func (c *Client) Explain(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil {
		return err
	}
	failed := c.dialer.failure()
	late := errors.Is(err, context.DeadlineExceeded) || isTimeout(err)
	if late && failed != nil {
		err = failed
	}
	if explained := c.explainDial(err); explained != nil {
		return explained
	}
	if explained := c.explainLogin(err); explained != nil {
		return explained
	}
	if late && !errors.As(err, new(*LateError)) {
		return &unreachableError{err, fmt.Sprintf("no answer from %s within %s: is it busy, or is --timeout too short?",
			c.brokers(), c.cluster.Timeout)}
	}
	return err
}

// explainDial explains failures of the network and of TLS, nil for others.
func (c *Client) explainDial(err error) error {
	where := c.brokers()
	if at := new(dialError); errors.As(err, &at) {
		where = at.address
	}
	var (
		unknownHost *net.DNSError
		firstRead   *kgo.ErrFirstReadEOF
		notTLS      tls.RecordHeaderError
		untrusted   *tls.CertificateVerificationError
	)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return &unreachableError{err, fmt.Sprintf(
			`no broker at %s: start one with "evident serve", or name another with --brokers`, where)}
	case errors.As(err, &unknownHost):
		return &unreachableError{err, fmt.Sprintf("no host named %q: check --brokers", unknownHost.Name)}
	case errors.As(err, &untrusted):
		return &unreachableError{err, fmt.Sprintf(
			"the certificate of %s is not trusted: %v: name its authority with --tls-ca", where, untrusted.Err)}
	case errors.As(err, &notTLS):
		return &unreachableError{err, fmt.Sprintf("%s does not speak TLS: leave out --tls", where)}
	// There are no types for these.
	case strings.Contains(err.Error(), "tls: certificate required"), strings.Contains(err.Error(), "remote error: tls: bad certificate"):
		return &unreachableError{err, fmt.Sprintf("%s wants a certificate that it trusts: give one with --tls-cert and --tls-key", where)}
	case strings.Contains(err.Error(), "HTTP response"):
		return &unreachableError{err, fmt.Sprintf("%s speaks HTTP and not the Kafka protocol: check --brokers", where)}
	case errors.As(err, &firstRead), errors.Is(err, io.EOF):
		return &unreachableError{err, fmt.Sprintf(
			"%s closed the connection: it may want --tls, or to know who you are (--user), or not be a Kafka listener", where)}
	}
	return nil
}

func (c *Client) brokers() string { return strings.Join(c.cluster.Brokers, ", ") }

// unreachableError is a network error in words; it unwraps to the error itself.
type unreachableError struct {
	err  error
	text string
}

func (e *unreachableError) Error() string { return e.text }
func (e *unreachableError) Unwrap() error { return e.err }

// dialError names the address that was dialled, which may be one that a broker
// advertised and nobody typed.
type dialError struct {
	address string
	err     error
}

func (e *dialError) Error() string { return fmt.Sprintf("dial %s: %v", e.address, e.err) }
func (e *dialError) Unwrap() error { return e.err }

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// dialer dials brokers and remembers the last failure, since the client
// retries and reports only that its time is up.
type dialer struct {
	net.Dialer
	tls *tls.Config // nil: plain text

	mu   sync.Mutex
	last error // guarded by mu; nil after a success
}

func newDialer(cluster config.Client) (*dialer, error) {
	d := &dialer{Dialer: net.Dialer{Timeout: cluster.Timeout}}
	if !cluster.TLS {
		return d, nil
	}
	d.tls = &tls.Config{MinVersion: tls.VersionTLS12}
	if cluster.TLSCert != "" {
		certificate, err := tls.LoadX509KeyPair(cluster.TLSCert, cluster.TLSKey)
		if err != nil {
			return nil, Usagef("cannot use the certificate of --tls-cert and --tls-key: %w", err)
		}
		d.tls.Certificates = []tls.Certificate{certificate}
	}
	if cluster.TLSCA == "" {
		return d, nil
	}
	pem, err := os.ReadFile(cluster.TLSCA)
	if err != nil {
		return nil, fmt.Errorf("cannot read the file that --tls-ca names: %w", err)
	}
	d.tls.RootCAs = x509.NewCertPool()
	if !d.tls.RootCAs.AppendCertsFromPEM(pem) {
		return nil, Usagef("%s holds no certificate in PEM: check --tls-ca", cluster.TLSCA)
	}
	return d, nil
}

func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := d.connect(ctx, network, address)
	if err != nil {
		err = &dialError{address, err}
	}
	d.mu.Lock()
	d.last = err
	d.mu.Unlock()
	return conn, err
}

func (d *dialer) connect(ctx context.Context, network, address string) (net.Conn, error) {
	if d.tls == nil {
		return d.DialContext(ctx, network, address)
	}
	secure := tls.Dialer{NetDialer: &d.Dialer, Config: d.tls}
	return secure.DialContext(ctx, network, address)
}

func (d *dialer) failure() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.last
}
