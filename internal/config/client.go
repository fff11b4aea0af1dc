package config

import (
	"errors"
	"time"

	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"

	"github.com/evidentlog/evident/internal/auth"
	"github.com/evidentlog/evident/internal/engine/cluster"
	"github.com/evidentlog/evident/internal/secret"
)

// Client is where client commands find the node, and how long they wait for it.
type Client struct {
	cluster.Config
	// Timeout is for one answer, not for a whole command.
	Timeout time.Duration
}

// LoadClient reads the settings of a client command from flags (see
// [ClientFlags]), which must have been parsed, and from environ, in that order
// of precedence.
func LoadClient(flags *pflag.FlagSet, environ []string) (Client, error) {
	k, err := load(flags, environ, append(clientSettings(), password()), "")
	if err != nil {
		return Client{}, err
	}
	login, err := login(k)
	return Client{
		Config: cluster.Config{
			Brokers: k.Strings("brokers"),
			TLS:     cluster.TLS{Enabled: k.Bool("tls"), CA: k.String("tls-ca"), Cert: k.String("tls-cert"), Key: k.String("tls-key")},
			SASL:    login,
			// Whoever types a command is warned instead.
			Insecure:    true,
			DialTimeout: k.Duration("timeout"),
		},
		Timeout: k.Duration("timeout"),
	}, err
}

// login reads who logs in, if anybody does.
func login(k *koanf.Koanf) (cluster.SASL, error) {
	s := cluster.SASL{Mechanism: k.String("sasl-mechanism"), User: k.String("user")}
	if s.User == "" {
		if s.Mechanism != "" || k.String("password-file") != "" {
			return s, errors.New("nobody logs in: say who with --user")
		}
		return s, nil
	}
	if s.Mechanism == "" {
		s.Mechanism = string(auth.ScramSHA512)
	}
	switch {
	case k.String("password-file") != "":
		s.Password = secret.File(k.String("password-file")).String()
	case k.String("password") != "":
		s.Password = secret.Env(passwordVariable).String()
	default:
		return s, errors.New("user " + s.User + " has no password: give it with --password-file or " + passwordVariable)
	}
	return s, nil
}
