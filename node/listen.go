package node

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"syscall"

	"github.com/evidentlog/evident/internal/broker"
	"github.com/evidentlog/evident/internal/engine/cluster"
)

// Addresses that a node listens on unless it is told otherwise.
const (
	DefaultKafkaAddress = "127.0.0.1:9092"
	DefaultHTTPAddress  = "127.0.0.1:8080"
	// DefaultRegistryAddress is where clients of a schema registry look for it.
	DefaultRegistryAddress = "127.0.0.1:8081"
)

func (l *Listener) validate(insecure bool) error {
	if _, _, err := net.SplitHostPort(l.Address); err != nil {
		return fmt.Errorf("listener %q: %q is not an address of the form host:port", l.Name, l.Address)
	}
	if l.Advertise != "" {
		if _, _, err := splitAddress(l.Advertise); err != nil {
			return fmt.Errorf("listener %q cannot advertise %q: %w", l.Name, l.Advertise, err)
		}
	}
	if (l.TLSCert == "") != (l.TLSKey == "") {
		return fmt.Errorf("listener %q has a TLS certificate without a key, or a key without a certificate: give both, tls-cert and tls-key", l.Name)
	}
	if l.TLSClientCA != "" && l.TLSCert == "" {
		return fmt.Errorf("listener %q has tls-client-ca without TLS: give it tls-cert and tls-key too", l.Name)
	}
	if _, err := l.mechanisms(); err != nil {
		return fmt.Errorf("listener %q: %w", l.Name, err)
	}
	if l.TLSCert == "" && !insecure && !cluster.Loopback(l.Address) {
		return fmt.Errorf("listener %q on %s would speak plain text beyond this machine: "+
			"give it tls-cert and tls-key in the file, or allow it with --insecure", l.Name, l.Address)
	}
	return nil
}

func splitAddress(address string) (host string, port int32, err error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, err
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("%q is not a port number", text)
	}
	return host, int32(n), nil
}

// listenerSet are the listeners of a node that is about to start.
type listenerSet struct {
	kafka, http, registry []openListener
}

type openListener struct {
	net.Listener
	cfg Listener
}

func (s *listenerSet) close() {
	for _, l := range slices.Concat(s.kafka, s.http, s.registry) {
		_ = l.Close() // nobody was served
	}
}

// listen opens all listeners and notes their real addresses.
func (n *Node) listen() (*listenerSet, error) {
	s := &listenerSet{}
	n.addresses = Addresses{Kafka: make(map[string]string), HTTP: make(map[string]string), Registry: make(map[string]string)}
	for _, kind := range []struct {
		from []Listener
		to   *[]openListener
		addr map[string]string
	}{{n.cfg.Kafka, &s.kafka, n.addresses.Kafka}, {n.cfg.HTTP, &s.http, n.addresses.HTTP}, {n.cfg.Registry, &s.registry, n.addresses.Registry}} {
		for _, l := range kind.from {
			nl, err := l.open()
			if err != nil {
				s.close()
				return nil, err
			}
			*kind.to = append(*kind.to, openListener{nl, l})
			kind.addr[l.Name] = nl.Addr().String()
		}
	}
	return s, nil
}

func (l *Listener) open() (net.Listener, error) {
	secure, err := l.tls()
	if err != nil {
		return nil, fmt.Errorf("listener %q: %w", l.Name, err)
	}
	nl, err := net.Listen("tcp", l.Address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("listener %q: another program listens on %s already: stop it, or choose another port (0 takes a free one): %w", l.Name, l.Address, err)
	case err != nil:
		return nil, fmt.Errorf("listener %q cannot listen on %s: choose an address of this machine: %w", l.Name, l.Address, err)
	case secure != nil:
		nl = tls.NewListener(nl, secure)
	}
	return nl, nil
}

// tls is nil for listeners in plain text.
func (l *Listener) tls() (*tls.Config, error) {
	if l.TLSCert == "" {
		return nil, nil
	}
	certificate, err := tls.LoadX509KeyPair(l.TLSCert, l.TLSKey)
	if err != nil {
		return nil, err
	}
	c := &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	if l.TLSClientCA == "" {
		return c, nil
	}
	authorities, err := os.ReadFile(l.TLSClientCA)
	if err != nil {
		return nil, err
	}
	c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
	if !c.ClientCAs.AppendCertsFromPEM(authorities) {
		return nil, fmt.Errorf("%s holds no certificate in PEM: check tls-client-ca", l.TLSClientCA)
	}
	return c, nil
}

// info is what clients of the listener are told.
func (l *openListener) info() broker.ListenerInfo {
	address := l.cfg.Advertise
	if address == "" {
		address = l.Addr().String()
	}
	host, port, _ := splitAddress(address) // it was validated, or the system gave it
	if port == 0 {
		_, port, _ = splitAddress(l.Addr().String())
	}
	info := broker.ListenerInfo{Name: l.cfg.Name, AdvertisedHost: host, AdvertisedPort: port}
	info.SASL, _ = l.cfg.mechanisms() // validated
	if l.cfg.TLSClientCA != "" {
		info.Identify = certified
	}
	return info
}

// serve serves all listeners until ctx ends.
func (n *Node) serve(ctx context.Context, s *listenerSet) {
	for _, l := range s.kafka {
		n.servers.Go(func() { n.fail(n.broker.Serve(ctx, n.wiredAll(l), l.info())) })
	}
	for _, l := range s.http {
		n.servers.Go(func() { n.fail(n.serveHTTP(ctx, l.Listener, n.handler())) })
	}
	for _, l := range s.registry {
		n.servers.Go(func() { n.fail(n.serveHTTP(ctx, l.Listener, n.schemas.handler)) })
	}
}

// fail reports that a listener has ended before it should.
func (n *Node) fail(err error) {
	if err == nil {
		return
	}
	select {
	case n.failed <- err:
	default: // one reason is enough
	}
}
