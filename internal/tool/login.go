package tool

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/evidentlog/evident/internal/auth"
	"github.com/evidentlog/evident/internal/config"
	"github.com/evidentlog/evident/node"
)

// login is how a client logs in. The password is read each time.
func login(cluster config.Client) sasl.Mechanism {
	if cluster.SASLMechanism == auth.Plain {
		return plain.Plain(func(context.Context) (plain.Auth, error) {
			password, err := cluster.Password.Read()
			return plain.Auth{User: cluster.User, Pass: password}, passwordError(err)
		})
	}
	credentials := func(context.Context) (scram.Auth, error) {
		password, err := cluster.Password.Read()
		return scram.Auth{User: cluster.User, Pass: password}, passwordError(err)
	}
	if cluster.SASLMechanism == auth.ScramSHA256 {
		return scram.Sha256(credentials)
	}
	return scram.Sha512(credentials)
}

func passwordError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("cannot read the password: %w", err)
}

// warnOfPlainText says if others can read the password.
func (e Env) warnOfPlainText() {
	if e.Cluster.User == "" || e.Cluster.SASLMechanism != auth.Plain || e.Cluster.TLS {
		return
	}
	for _, b := range e.Cluster.Brokers {
		if !node.Loopback(b) {
			fmt.Fprintf(e.Err, "evident: warning: the password of %s goes to %s in plain text: add --tls, or choose another --sasl-mechanism\n", e.Cluster.User, b)
			return
		}
	}
}

// explainLogin explains why a client could not log in, nil for other errors.
func (c *Client) explainLogin(err error) error {
	user, where := c.cluster.User, c.brokers()
	switch {
	case errors.Is(err, kerr.SaslAuthenticationFailed):
		return &unreachableError{err, fmt.Sprintf("%s does not let %q in: check --user, its password and --sasl-mechanism", where, user)}
	case errors.Is(err, kerr.UnsupportedSaslMechanism):
		return &unreachableError{err, fmt.Sprintf("%s does not know %s: name another with --sasl-mechanism", where, c.cluster.SASLMechanism)}
	case errors.Is(err, kerr.IllegalSaslState):
		return &unreachableError{err, fmt.Sprintf("%s does not ask who you are: leave out --user", where)}
	}
	return nil
}
