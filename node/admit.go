package node

import (
	"context"
	"crypto/tls"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"

	"github.com/evidentlog/evident/internal/auth"
	"github.com/evidentlog/evident/internal/engine/cluster"
)

// mechanisms are those of l.SASL.
func (l *Listener) mechanisms() ([]auth.Mechanism, error) {
	var all []auth.Mechanism
	for _, name := range l.SASL {
		m, err := auth.ParseMechanism(name)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

// admit makes the users that have to be there at the start, and says what
// listeners let in.
func (n *Node) admit() error {
	for _, name := range slices.Sorted(maps.Keys(n.cfg.BootstrapUsers)) {
		made, err := n.broker.CreateUser(name, n.cfg.BootstrapUsers[name])
		if err != nil {
			return fmt.Errorf("bootstrap user %q: %w", name, err)
		}
		if made {
			n.cfg.Logger.Info("made the bootstrap user", "user", name)
		}
	}
	for _, l := range n.cfg.Kafka {
		for _, c := range l.concerns(n.broker.Users()) {
			n.cfg.Logger.Log(context.Background(), c.level, c.text, "listener", l.Name, "address", l.Address)
		}
	}
	return nil
}

// concern is what an operator may not have thought of.
type concern struct {
	level slog.Level
	text  string
}

// concerns are those about a Kafka listener of a node with so many users.
func (l *Listener) concerns(users int) []concern {
	var all []concern
	asks, loopback := len(l.SASL) > 0, cluster.Loopback(l.Address)
	if asks && users == 0 {
		all = append(all, concern{slog.LevelWarn, "nobody can log in, for there is no user: create one through a listener without sasl, or with bootstrap-user"})
	}
	if asks && l.TLSCert == "" && !loopback {
		all = append(all, concern{slog.LevelWarn, "this listener speaks plain text: others can read along, and passwords too if it has PLAIN"})
	}
	switch {
	case loopback:
	case asks || l.TLSClientCA != "":
		all = append(all, concern{slog.LevelInfo, "authorization is off: every client that gets in may read, write and delete everything"})
	default:
		all = append(all, concern{slog.LevelWarn, "whoever reaches this listener may read, write and delete everything: give it sasl, or tls-client-ca"})
	}
	return all
}

// inProcess identifies the node's own clients.
func inProcess(context.Context, net.Conn) (auth.Principal, error) { return auth.InProcess(), nil }

// certified identifies a client by the subject of its certificate, which the
// handshake verifies. It is written as Kafka does (RFC 2253).
func certified(ctx context.Context, conn net.Conn) (auth.Principal, error) {
	secure, ok := conn.(*tls.Conn)
	if !ok {
		return auth.Principal{}, errors.New("no TLS")
	}
	if err := secure.HandshakeContext(ctx); err != nil {
		return auth.Principal{}, err
	}
	var subject pkix.RDNSequence
	if _, err := asn1.Unmarshal(secure.ConnectionState().PeerCertificates[0].RawSubject, &subject); err != nil {
		return auth.Principal{}, err
	}
	if len(subject) == 0 {
		return auth.Principal{}, errors.New("the client's certificate has no subject")
	}
	return auth.User(subject.String()), nil
}
