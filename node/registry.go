package node

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/auth/token"
	"github.com/evidentlog/evident/internal/schema"
	"github.com/evidentlog/evident/internal/schema/avro"
	"github.com/evidentlog/evident/internal/schema/jsonschema"
	"github.com/evidentlog/evident/internal/schema/protobuf"
	"github.com/evidentlog/evident/internal/schema/registry"
	"github.com/evidentlog/evident/internal/schema/registry/rest"
)

// schemas is the node's schema registry, and how it is asked.
type schemas struct {
	registry *registry.Registry
	handler  http.Handler
	done     chan struct{} // closed when the registry has ended
}

// startRegistry follows what is registered until ctx ends. It writes it, too, if others
// can reach the node, or it is its cluster's only one.
func (n *Node) startRegistry(ctx context.Context) error {
	client, err := n.engine.Client()
	if err != nil {
		return err
	}
	s, err := n.newRegistry(client)
	if err != nil {
		client.Close()
		return fmt.Errorf("schema registry: %w", err)
	}
	n.schemas = s
	n.servers.Go(func() {
		defer close(s.done)
		defer client.Close()
		select {
		case <-ctx.Done():
		case <-n.answered:
		}
		for ctx.Err() == nil {
			if err := s.registry.Run(ctx); err != nil {
				n.cfg.Logger.Error("what is registered is not followed any more, and it is begun again", "error", err)
				pause(ctx, time.Second)
			}
		}
	})
	return nil
}

func (n *Node) newRegistry(client *kgo.Client) (*schemas, error) {
	instance, err := n.instance()
	if err != nil {
		return nil, err
	}
	forward, err := n.forwarder()
	if err != nil {
		return nil, err
	}
	metrics := registry.NewMetrics()
	if err := n.cfg.Metrics.Register(metrics); err != nil {
		return nil, err
	}
	address := n.httpURL()
	r := registry.New(registry.Config{
		Client: n.engine.Client, ReplicationFactor: n.engine.ReplicationFactor(), Languages: languages(),
		Instance: instance, Address: address, ReadOnly: address == "" && !n.registersAlone(),
		Logger: n.cfg.Logger, Metrics: metrics,
	})
	api := &rest.API{
		Registry: r, Authorize: n.mayRegister, Forward: forward, Version: version(),
		ClusterID: func(ctx context.Context) (string, error) {
			m, err := kadm.NewClient(client).BrokerMetadata(ctx)
			return m.Cluster, err
		},
	}
	return &schemas{r, api.Handler(), make(chan struct{})}, nil
}

// languages are those that schemas can be in.
func languages() []schema.Language {
	return []schema.Language{avro.Language{}, jsonschema.Language{}, protobuf.Language{}}
}

// registersAlone tells whether a node that others do not reach may write the registry,
// since it is the cluster's own.
func (n *Node) registersAlone() bool {
	return n.cfg.Cluster == nil && len(n.cfg.HTTP)+len(n.cfg.Registry) > 0
}

// version is the program's, as far as its build knows it.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

// errOnlyHereRegister says that only the node's own machine may register.
var errOnlyHereRegister = errors.New("this node has no token, and lets nobody on another machine change schemas: start it with --http-token-file, the same file for all nodes of the cluster")

// mayRegister tells why a request may not change the registry: programs on the node's
// machine may, and from elsewhere who shows the node's token, as a bearer token or as a
// password of any user, since not every client of a registry knows the one or the other.
func (n *Node) mayRegister(r *http.Request) error {
	elsewhere := token.Local(r)
	if elsewhere == nil {
		return nil
	}
	if n.token.String() == "" {
		return errOnlyHereRegister
	}
	if err := http.NewCrossOriginProtection().Check(r); err != nil {
		return fmt.Errorf("schemas are not changed by pages of other sites: %w", err)
	}
	if _, password, ok := r.BasicAuth(); ok {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer "+password)
	}
	return n.shown(r)
}
