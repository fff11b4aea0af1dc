package node

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/evidentlog/evident/internal/resource"
)

// forwardPatience is how long another node may take to answer.
const forwardPatience = time.Minute

// peerPurpose is what nodes show one another the token for: only who has it knows
// what it becomes, and to another address it means nothing.
func peerPurpose(base string) string { return "forward to " + base }

// forwarder makes what passes a request on to another node.
func (n *Node) forwarder() (func(*http.Request, string, []byte) (*http.Response, error), error) {
	secure, err := n.peersTLS()
	if err != nil {
		return nil, err
	}
	client := &http.Client{
		Timeout:       forwardPatience,
		Transport:     &http.Transport{TLSClientConfig: secure, DialContext: (&net.Dialer{Timeout: 5 * time.Second}).DialContext, IdleConnTimeout: time.Minute},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return func(r *http.Request, base string, body []byte) (*http.Response, error) {
		out, err := http.NewRequestWithContext(r.Context(), r.Method, base+r.URL.RequestURI(), bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		for _, name := range []string{"Content-Type", "If-Match", "If-None-Match", resource.Forwarded} {
			if v := r.Header.Get(name); v != "" {
				out.Header.Set(name, v)
			}
		}
		n.token.For(peerPurpose(base)).Add(out)
		resp, err := client.Do(out)
		if err != nil {
			return nil, err
		}
		return resp, nil
	}, nil
}

// peersTLS trusts the system's authorities and the certificate of the node's own
// HTTP, which its peers may share.
func (n *Node) peersTLS() (*tls.Config, error) {
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	for _, l := range n.cfg.HTTP {
		if l.TLSCert == "" {
			continue
		}
		text, err := os.ReadFile(l.TLSCert)
		if err != nil {
			return nil, fmt.Errorf("listener %q: %w", l.Name, err)
		}
		roots.AppendCertsFromPEM(text)
	}
	return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, nil
}

// httpURL is where other nodes reach this one by HTTP; empty if they cannot.
func (n *Node) httpURL() string {
	for _, l := range n.cfg.HTTP {
		address := l.Advertise
		if address == "" {
			address = n.addresses.HTTP[l.Name]
		}
		host, port, err := net.SplitHostPort(address)
		if ip := net.ParseIP(host); err != nil || host == "" || ip != nil && ip.IsUnspecified() {
			continue
		}
		if port == "0" {
			_, port, _ = net.SplitHostPort(n.addresses.HTTP[l.Name]) // the system gave it
		}
		scheme := "http"
		if l.TLSCert != "" {
			scheme = "https"
		}
		return scheme + "://" + net.JoinHostPort(host, port)
	}
	return ""
}
