package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/bench"
	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/benchmark"
	"github.com/evidentlog/evident/node"
)

func newBenchGateway(c *cli, n *benchmark.Node) *cobra.Command {
	var cfg bench.GatewayConfig
	cmd := &cobra.Command{
		Use:   "gateway",
		Short: "Measure how fast a node takes events over HTTP",
		Long: `Measure how fast a node takes events over HTTP, in batches and one by one, each
answered when it is on disk. Every event has an id of its own.`,
		Example: examples(
			"evident bench gateway",
			"evident bench gateway --batch 100 --connections 16",
		),
		Args: arguments(0, 0, "no arguments"),
		RunE: c.runs(func(cmd *cobra.Command, env tool.Env, _ []string) error {
			return benchmark.Run(cmd.Context(), env, *n, func(ctx context.Context, t bench.Target) (benchmark.Result, error) {
				cfg.Target = t
				return bench.Gateway(ctx, cfg)
			})
		}),
	}
	f := cmd.Flags()
	f.StringVar(&cfg.URL, "url", "http://"+node.DefaultHTTPAddress, "the node's HTTP")
	f.StringVar(&cfg.Topic, "topic", "", "topic to write to (default: one of its own, deleted at the end)")
	f.Int32VarP(&cfg.Partitions, "partitions", "p", 10, "partitions of a topic that is created")
	f.IntVar(&cfg.EventSize, "size", 500, "bytes of each event as JSON")
	f.IntVar(&cfg.BatchEvents, "batch", 1000, "events in a batch")
	f.IntVar(&cfg.BatchConnections, "batch-connections", 4, "connections that send batches")
	f.IntVar(&cfg.Connections, "connections", 64, "connections that send single events")
	f.DurationVar(&cfg.Duration, "duration", 5*time.Second, "how long each is measured in a round")
	f.DurationVar(&cfg.Warmup, "warmup", time.Second, "how long each runs before it is timed")
	f.IntVar(&cfg.Rounds, "rounds", 3, "how often everything is measured in turn")
	return cmd
}
