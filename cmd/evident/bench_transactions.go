package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/bench"
	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/benchmark"
)

func newBenchTransactions(c *cli, n *benchmark.Node) *cobra.Command {
	var cfg bench.TransactionsConfig
	cmd := &cobra.Command{
		Use:   "transactions",
		Short: "Measure how many transactions a second a node commits",
		Example: examples(
			"evident bench transactions",
			"evident bench transactions --producers 1",
			"evident bench transactions --producers 32 --records 1000 --disk-dir ./evident-data -o json",
		),
		Args: arguments(0, 0, "no arguments"),
		RunE: c.runs(func(cmd *cobra.Command, env tool.Env, _ []string) error {
			return benchmark.Run(cmd.Context(), env, *n, func(ctx context.Context, t bench.Target) (benchmark.Result, error) {
				cfg.Target = t
				return bench.Transactions(ctx, cfg)
			})
		}),
	}
	f := cmd.Flags()
	f.StringVar(&cfg.Topic, "topic", "", "topic to write to (default: one of its own, deleted at the end)")
	f.Int32VarP(&cfg.Partitions, "partitions", "p", 10, "partitions of a topic that is created")
	f.IntVar(&cfg.Producers, "producers", 16, "producers that write at the same time")
	f.IntVar(&cfg.Records, "records", 100, "records in each transaction")
	f.IntVar(&cfg.RecordSize, "size", 100, "bytes in each record's value")
	f.DurationVar(&cfg.Duration, "duration", 5*time.Second, "how long a round lasts")
	f.DurationVar(&cfg.Warmup, "warmup", time.Second, "how long it runs before it is timed")
	f.IntVar(&cfg.Rounds, "rounds", 3, "how often it is measured")
	f.StringVar(&cfg.DiskDir, "disk-dir", "", "folder on the disk that holds the node's data, to compare with its fsyncs")
	return cmd
}
