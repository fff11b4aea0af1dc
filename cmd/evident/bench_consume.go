package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/bench"
	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/benchmark"
)

func newBenchConsume(c *cli, n *benchmark.Node) *cobra.Command {
	var cfg bench.ConsumeConfig
	cmd := &cobra.Command{
		Use:   "consume",
		Short: "Measure how fast a node gives records",
		Example: examples(
			"evident bench consume",
			"evident bench consume --topic orders -o json",
		),
		Args: arguments(0, 0, "no arguments"),
		RunE: c.runs(func(cmd *cobra.Command, env tool.Env, _ []string) error {
			return benchmark.Run(cmd.Context(), env, *n, func(ctx context.Context, t bench.Target) (benchmark.Result, error) {
				cfg.Target = t
				return bench.Consume(ctx, cfg)
			})
		}),
	}
	f := cmd.Flags()
	f.StringVar(&cfg.Topic, "topic", "", "topic to consume (default: one of its own, filled first and deleted at the end)")
	f.Int64VarP(&cfg.Records, "count", "n", 0, "records in a round (default: all; 5,000,000 of a topic that is filled first)")
	f.Int32VarP(&cfg.Partitions, "partitions", "p", 10, "partitions of a topic that is filled first")
	f.IntVar(&cfg.RecordSize, "size", 100, "bytes in each value of a topic that is filled first")
	f.IntVar(&cfg.Rounds, "rounds", 3, "how often it is measured")
	return cmd
}
