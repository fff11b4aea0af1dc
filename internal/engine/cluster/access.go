package cluster

import (
	"context"
	"errors"
	"net"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Access is the way into a cluster, and the memory of why it was closed last. Its
// methods may be called concurrently.
type Access struct {
	cfg    Config
	names  Names
	dialer *dialer
}

// Access reads the files that the configuration names; the secrets are read at
// each authentication. It connects nothing.
func (c Config) Access(names Names) (*Access, error) {
	if err := c.Validate(names); err != nil {
		return nil, err
	}
	d, err := newDialer(c, names)
	if err != nil {
		return nil, err
	}
	return &Access{c, names, d}, nil
}

// Options are the options of a client of the cluster.
func (a *Access) Options() []kgo.Opt {
	opts := []kgo.Opt{kgo.SeedBrokers(a.cfg.Brokers...), kgo.Dialer(a.dialer.dial), kgo.ClientID("evident")}
	if mechanism := a.cfg.SASL.mechanism(); mechanism != nil {
		opts = append(opts, kgo.SASL(mechanism))
	}
	return opts
}

// Explain explains why a client with these options failed, if the reason is
// the network, TLS or SASL, with an [*UnreachableError]. It returns nil for
// other errors. Since the client tries again until its time is up, the last
// failure to connect counts if err is no more than that.
func (a *Access) Explain(err error) error {
	if failed := a.dialer.failure(); failed != nil && Late(err) {
		err = failed
	}
	if explained := a.explain(err); explained != nil {
		return explained
	}
	return nil
}

// Late tells whether err says that time was up.
func Late(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}
