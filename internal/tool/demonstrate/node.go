package demonstrate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/evidentlog/evident/internal/tool"
)

// Node is the node of a demo in which it is killed: "evident demo node", a process of
// its own.
type Node struct {
	// Data is its folder.
	Data string
	// Kafka and HTTP are where it listens.
	Kafka, HTTP string
}

// Run runs the node, with the services that are processors, until ctx ends, or standard
// input: then whoever started it has ended.
func (n Node) Run(ctx context.Context, env tool.Env) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // a read of standard input cannot be given up: it ends with the process
		_, _ = io.Copy(io.Discard, env.In)
		cancel()
	}()
	cluster, err := Demo{Kafka: n.Kafka, HTTP: n.HTTP}.start(context.WithoutCancel(ctx), env.Err, n.Data)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(env.Out).Encode(addresses{cluster.Kafka, cluster.HTTP}); err != nil {
		return errors.Join(fmt.Errorf("say where the node listens: %w", err), cluster.Stop())
	}
	select {
	case err = <-cluster.Failed:
	case <-ctx.Done():
	}
	return errors.Join(err, cluster.Stop())
}
