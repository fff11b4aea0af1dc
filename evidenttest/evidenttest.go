// Package evidenttest runs a whole Evident node inside a test's own process: on
// a filesystem in memory, without ports, started and stopped in milliseconds.
//
//	node := evidenttest.Start(t)
//	client := node.Client(kgo.ConsumeTopics("orders"))
//
// Topics are created when they are first used, and consumer groups do not wait
// for more members before they begin.
package evidenttest

import (
	"context"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/node"
)

// Node is a node that ends with its test.
type Node struct {
	t    testing.TB
	node *node.Node
}

// Option changes the node's configuration.
type Option func(*node.Config)

// WithConfig lets change alter the configuration. Its FS and Data are set.
func WithConfig(change func(*node.Config)) Option { return change }

// Listen opens a Kafka listener on a free loopback port, for clients that need
// one. [Node.KafkaAddress] tells it.
func Listen() Option {
	return func(c *node.Config) {
		c.Kafka = []node.Listener{{Name: "kafka", Address: "127.0.0.1:0"}}
	}
}

// Config is the configuration of a test's node, on a filesystem in memory of its
// own.
func Config() node.Config {
	return node.Config{
		FS: vfs.NewMem(), Data: "evident-data", Kafka: []node.Listener{}, HTTP: []node.Listener{},
		GroupInitialRebalanceDelay: -1, OffsetsPartitions: 1, TransactionsPartitions: 1, ShareStatePartitions: 1,
	}
}

// Start starts a node and stops it at the end of the test.
func Start(t testing.TB, opts ...Option) *Node {
	t.Helper()
	cfg := Config()
	for _, o := range opts {
		o(&cfg)
	}
	n, err := node.Start(context.Background(), cfg)
	if err != nil {
		t.Fatalf("starting a node: %v", err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Errorf("stopping the node: %v", err)
		}
	})
	return &Node{t, n}
}

// Client makes a client of the node and closes it at the end of the test.
func (n *Node) Client(opts ...kgo.Opt) *kgo.Client {
	n.t.Helper()
	c, err := n.node.Client(opts...)
	if err != nil {
		n.t.Fatalf("making a client: %v", err)
	}
	n.t.Cleanup(c.Close)
	return c
}

// KafkaAddress is the host:port of the Kafka listener that [Listen] opened.
func (n *Node) KafkaAddress() string {
	for _, a := range n.node.Addresses().Kafka {
		return a
	}
	n.t.Helper()
	n.t.Fatal("the node has no Kafka listener: start it with evidenttest.Listen()")
	return ""
}
