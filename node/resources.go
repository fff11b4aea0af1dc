package node

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/event"
	"github.com/evidentlog/evident/internal/auth"
	"github.com/evidentlog/evident/internal/resource"
	"github.com/evidentlog/evident/internal/resource/topic"
)

// declared is what the node knows of declared things, and how they are asked for.
type declared struct {
	service *resource.Service
	api     *resource.API
	topics  topicSettings
	done    chan struct{} // closed when the service has ended
}

// forwardPatience is how long another node may take to answer.
const forwardPatience = time.Minute

// startResources follows what is declared until ctx ends. It writes it, too, if the
// node has a token that says who may, and others can reach it.
func (n *Node) startResources(ctx context.Context) error {
	client, err := n.engine.Client()
	if err != nil {
		return err
	}
	d, err := n.newResources(client)
	if err != nil {
		client.Close()
		return fmt.Errorf("resources: %w", err)
	}
	n.resources = d
	n.servers.Go(func() {
		defer close(d.done)
		defer client.Close()
		select {
		case <-ctx.Done():
		case <-n.answered:
		}
		for ctx.Err() == nil {
			if err := d.service.Run(ctx); err != nil {
				n.cfg.Logger.Error("what is declared is not followed any more, and it is begun again", "error", err)
				pause(ctx, forwardPatience/60)
			}
		}
	})
	return nil
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func (n *Node) newResources(client *kgo.Client) (*declared, error) {
	kinds, err := newKinds(topic.Config{
		Client: client, ReplicationFactor: n.engine.ReplicationFactor(), Foreign: n.cfg.Cluster != nil,
	})
	if err != nil {
		return nil, err
	}
	instance, err := n.instance()
	if err != nil {
		return nil, err
	}
	const source = "/evident/resources"
	ids, err := event.NewStamper(source, time.Now, rand.Reader)
	if err != nil {
		return nil, err
	}
	forward, err := n.forwarder()
	if err != nil {
		return nil, err
	}
	address := n.httpURL()
	s := resource.New(resource.Config{
		Client: n.engine.Client, ReplicationFactor: n.engine.ReplicationFactor(), Kinds: kinds, Source: source,
		Instance: instance, Address: address, ReadOnly: n.token.String() == "" || n.cfg.Cluster != nil && address == "",
		Logger: n.cfg.Logger,
	})
	return &declared{
		service: s, api: &resource.API{Service: s, Authorize: n.mayDeclare, Forward: forward, NewID: ids.NewID},
		done: make(chan struct{}),
	}, nil
}

// newKinds are the kinds of things that can be declared.
func newKinds(topics topic.Config) (*resource.Kinds, error) {
	return resource.NewKinds(topic.New(topics))
}

// ResourceSchema is the JSON Schema of what can be declared, for editors.
func ResourceSchema() ([]byte, error) {
	kinds, err := newKinds(topic.Config{})
	if err != nil {
		return nil, err
	}
	return kinds.Schema()
}

// errNoToken says that nobody may declare anything here.
var errNoToken = errors.New("this node has no token, and lets nobody declare anything: start it with --http-token-file, the same file for all nodes of the cluster")

// mayDeclare is who asks: somebody who has the node's token, or another node that
// has the same. A page in a browser has neither, and is not to borrow one.
func (n *Node) mayDeclare(r *http.Request) (string, error) {
	if n.token.String() == "" {
		return "", errNoToken
	}
	if err := http.NewCrossOriginProtection().Check(r); err != nil {
		return "", fmt.Errorf("what is declared is not changed by pages of other sites: %w", err)
	}
	who := auth.Anonymous().String()
	if n.token.For(peerPurpose(n.httpURL())).Check(r) == nil {
		return who, nil
	}
	return who, n.token.Check(r)
}

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

// declare applies what the configuration declares.
func (n *Node) declare(ctx context.Context) error {
	if len(n.cfg.Declarations) == 0 {
		return nil
	}
	done, err := n.resources.api.Apply(ctx, auth.Anonymous().String(), resource.ApplyRequest{Resources: n.cfg.Declarations})
	if err != nil {
		return fmt.Errorf("what is declared at the start is refused: %w", err)
	}
	for _, c := range done.Changes {
		n.cfg.Logger.Info("declared", "resource", c.Key, "action", string(c.Action), "revision", c.Revision)
	}
	return nil
}
