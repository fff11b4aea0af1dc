package config

import (
	"errors"
	"time"

	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"

	"github.com/evidentlog/evident/internal/auth"
	"github.com/evidentlog/evident/internal/secret"
)

// Client is where client commands find the node, and how long they wait for it.
type Client struct {
	// Brokers are host:port.
	Brokers []string
	// Timeout is for one answer, not for a whole command.
	Timeout time.Duration
	// TLS says that brokers speak TLS.
	TLS bool
	// TLSCA is a PEM file of certificates that sign the brokers'. Default:
	// those that the machine trusts.
	TLSCA string
	// TLSCert and TLSKey are PEM files of what the client shows to the brokers.
	TLSCert, TLSKey string
	// User logs in, by SASLMechanism and with Password. Empty: nobody does.
	User          string
	SASLMechanism auth.Mechanism
	Password      secret.Ref
}

// LoadClient reads the settings of a client command from flags (see
// [ClientFlags]), which must have been parsed, and from environ, in that order
// of precedence.
func LoadClient(flags *pflag.FlagSet, environ []string) (Client, error) {
	k, err := load(flags, environ, append(clientSettings(), password()), "")
	if err != nil {
		return Client{}, err
	}
	c := Client{
		Brokers: k.Strings("brokers"),
		Timeout: k.Duration("timeout"),
		TLS:     k.Bool("tls") || k.String("tls-ca") != "" || k.String("tls-cert") != "",
		TLSCA:   k.String("tls-ca"),
		TLSCert: k.String("tls-cert"),
		TLSKey:  k.String("tls-key"),
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return Client{}, errors.New("a certificate needs its key: give both --tls-cert and --tls-key")
	}
	return c, c.login(k)
}

// login reads who logs in.
func (c *Client) login(k *koanf.Koanf) error {
	c.User, c.SASLMechanism = k.String("user"), auth.Mechanism(k.String("sasl-mechanism"))
	if c.User == "" {
		if c.SASLMechanism != "" || k.String("password-file") != "" {
			return errors.New("nobody logs in: say who with --user")
		}
		return nil
	}
	if c.SASLMechanism == "" {
		c.SASLMechanism = auth.ScramSHA512
	}
	switch {
	case k.String("password-file") != "":
		c.Password = secret.File(k.String("password-file"))
	case k.String("password") != "":
		c.Password = secret.Env(passwordVariable)
	default:
		return errors.New("user " + c.User + " has no password: give it with --password-file or " + passwordVariable)
	}
	return nil
}
