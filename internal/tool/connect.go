package tool

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/engine/cluster"
)

// Client is a Kafka client that can say why it does not get through.
type Client struct {
	*kgo.Client
	env    Env
	access *cluster.Access
}

// names are what the settings of client commands are called.
func names() cluster.Names {
	return cluster.Names{
		Brokers: "--brokers", TLS: "--tls", CA: "--tls-ca", Cert: "--tls-cert", Key: "--tls-key",
		Mechanism: "--sasl-mechanism", User: "--user", Password: "--password-file",
		Login: "--user", Start: `start one with "evident serve"`,
	}
}

// Connect makes a client and waits until one of the brokers has answered it. It
// gives up at once where nobody listens. The caller closes the client.
func (e Env) Connect(ctx context.Context, opts ...kgo.Opt) (*Client, error) {
	access, err := e.access()
	if err != nil {
		return nil, err
	}
	e.warnOfPlainText()
	all := append(access.Options(),
		kgo.RetryTimeout(e.Cluster.Timeout),
		// Also how long a new connection's first answer may take, whatever the
		// context says; the client takes 100 ms to 15 minutes.
		kgo.RequestTimeoutOverhead(max(100*time.Millisecond, min(e.Cluster.Timeout, 15*time.Minute))),
	)
	cl, err := kgo.NewClient(append(all, opts...)...)
	if err != nil {
		return nil, err
	}
	c := &Client{Client: cl, env: e, access: access}
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
	access, err := e.access()
	if err != nil {
		return nil, err
	}
	return access.Options(), nil
}

func (e Env) access() (*cluster.Access, error) {
	access, err := e.Cluster.Access(names())
	if err != nil {
		return nil, &UsageError{err}
	}
	return access, nil
}

// warnOfPlainText says if others can read the password.
func (e Env) warnOfPlainText() {
	if e.Cluster.SASL.Mechanism != cluster.Plain || e.Cluster.TLS.On() {
		return
	}
	for _, b := range e.Cluster.Brokers {
		if !cluster.Loopback(b) {
			fmt.Fprintf(e.Err, "evident: warning: the password of %s goes to %s in plain text: add --tls, or choose another --sasl-mechanism\n", e.Cluster.SASL.User, b)
			return
		}
	}
}

// Explain says in one sentence why a request did not get through and what to
// do about it. Other errors, nil among them, it returns as they are. ctx is
// that of the whole command.
func (c *Client) Explain(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil {
		return err
	}
	if explained := c.access.Explain(err); explained != nil {
		return explained
	}
	if cluster.Late(err) && !errors.As(err, new(*LateError)) {
		return &LateError{fmt.Sprintf("no answer from %s within %s: is it busy, or is --timeout too short?",
			strings.Join(c.env.Cluster.Brokers, ", "), c.env.Cluster.Timeout)}
	}
	return err
}
