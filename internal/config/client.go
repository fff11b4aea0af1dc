package config

import (
	"time"

	"github.com/spf13/pflag"
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
}

// LoadClient reads the settings of a client command from flags (see
// [ClientFlags]), which must have been parsed, and from environ, in that order
// of precedence.
func LoadClient(flags *pflag.FlagSet, environ []string) (Client, error) {
	k, err := load(flags, environ, clientSettings(), "")
	if err != nil {
		return Client{}, err
	}
	return Client{
		Brokers: k.Strings("brokers"),
		Timeout: k.Duration("timeout"),
		TLS:     k.Bool("tls") || k.String("tls-ca") != "",
		TLSCA:   k.String("tls-ca"),
	}, nil
}
