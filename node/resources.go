package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/event"
	"github.com/evidentlog/evident/internal/auth"
	"github.com/evidentlog/evident/internal/resource"
	"github.com/evidentlog/evident/internal/resource/processor"
	"github.com/evidentlog/evident/internal/resource/topic"
)

// declared is what the node knows of declared things, and how they are asked for.
type declared struct {
	service *resource.Service
	api     *resource.API
	topics  topicSettings
	done    chan struct{} // closed when the service has ended
}

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
				pause(ctx, time.Second)
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
	}, n.processorNames())
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
		Instance: instance, Address: address, ReadOnly: n.token.String() == "" || address == "" && !n.declaresAlone(),
		Logger: n.cfg.Logger,
	})
	return &declared{
		service: s, api: &resource.API{Service: s, Authorize: n.mayDeclare, Forward: forward, NewID: ids.NewID},
		done: make(chan struct{}),
	}, nil
}

// declaresAlone tells whether a node that others do not reach may write what is declared,
// since it is the cluster's own. If it has no HTTP and declares nothing, nobody asks it to,
// and it must not keep others on its cluster from writing, who could not ask it either.
func (n *Node) declaresAlone() bool {
	return n.cfg.Cluster == nil && (len(n.cfg.HTTP) > 0 || len(n.cfg.Declarations) > 0)
}

// newKinds are the kinds of things that can be declared.
func newKinds(topics topic.Config, processors []string) (*resource.Kinds, error) {
	return resource.NewKinds(topic.New(topics), processor.New(processors), deduplicationKind(topics.Client, processors))
}

// ResourceSchema is the JSON Schema of what can be declared, for editors.
func ResourceSchema() ([]byte, error) {
	kinds, err := newKinds(topic.Config{}, nil)
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
	return auth.Anonymous().String(), n.shown(r)
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
