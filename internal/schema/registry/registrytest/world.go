// Package registrytest has what tests of the schema registry share: nodes that keep a
// registry on a cluster, and a language that is small enough to see at a glance what is
// compatible.
package registrytest

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/schema"
	"github.com/evidentlog/evident/internal/schema/registry"
)

// A World is a cluster with nodes.
type World struct {
	tb      testing.TB
	brokers []string
	nodes   int
	// Log gets what the nodes log. At first: nobody.
	Log slog.Handler
	// Now is the nodes' clock. Nil: the machine's.
	Now func() time.Time
	// Options are those of all the nodes' clients.
	Options []kgo.Opt
	// Metrics are those of the next node. Nil: none.
	Metrics *registry.Metrics
}

// NewWorld is a cluster that is reached under addresses.
func NewWorld(tb testing.TB, brokers []string) *World {
	return &World{tb: tb, brokers: brokers, Log: slog.DiscardHandler}
}

// Client makes a client of the cluster. The caller closes it.
func (w *World) Client(opts ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append(append([]kgo.Opt{kgo.SeedBrokers(w.brokers...)}, w.Options...), opts...)...)
}

// Node starts a node, which stops with the test, or before that.
func (w *World) Node() (r *registry.Registry, stop func()) {
	w.nodes++
	return w.NodeNamed(fmt.Sprint("node-", w.nodes))
}

// NodeNamed starts a node under a name that it may have had before.
func (w *World) NodeNamed(name string) (r *registry.Registry, stop func()) {
	w.tb.Helper()
	r = registry.New(registry.Config{
		Client: w.Client, ReplicationFactor: -1, Languages: []schema.Language{Language{}},
		Instance: name, Address: "http://" + name, Now: w.Now, Logger: slog.New(w.Log), Metrics: w.Metrics,
	})
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- r.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ran; err != nil {
			w.tb.Error(err)
		}
	})
	w.tb.Cleanup(stop)
	return r, stop
}

// Leads waits until it is a node's turn to write.
func Leads(tb testing.TB, r *registry.Registry) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), time.Minute)
	defer cancel()
	for {
		switch base, err := r.Writer(ctx); {
		case err == nil && base == "":
			return
		case ctx.Err() != nil:
			tb.Fatal("nobody writes")
		}
	}
}
