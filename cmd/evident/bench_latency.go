package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/bench"
	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/benchmark"
)

func newBenchLatency(c *cli, n *benchmark.Node) *cobra.Command {
	var cfg bench.LatencyConfig
	cmd := &cobra.Command{
		Use:   "latency",
		Short: "Measure how long records are under way at a steady rate",
		Example: examples(
			"evident bench latency",
			"evident bench latency --rate 10000 --partitions 1000",
			"evident bench latency --reference --disk-dir ./evident-data -o json",
		),
		Args: arguments(0, 0, "no arguments"),
		RunE: c.runs(func(cmd *cobra.Command, env tool.Env, _ []string) error {
			return benchmark.Run(cmd.Context(), env, *n, func(ctx context.Context, t bench.Target) (benchmark.Result, error) {
				cfg.Target = t
				return bench.MeasureLatency(ctx, cfg)
			})
		}),
	}
	f := cmd.Flags()
	f.StringVar(&cfg.Topic, "topic", "", "topic to produce to and consume (default: one of its own, deleted at the end)")
	f.Int32VarP(&cfg.Partitions, "partitions", "p", 1, "partitions of a topic that is created")
	f.IntVar(&cfg.Rate, "rate", 5000, "records a second")
	f.IntVar(&cfg.RecordSize, "size", 100, "bytes in each record's value")
	f.DurationVar(&cfg.Duration, "duration", 5*time.Second, "how long a round lasts")
	f.DurationVar(&cfg.Warmup, "warmup", time.Second, "how long it runs before it is timed")
	f.IntVar(&cfg.Rounds, "rounds", 3, "how often it is measured")
	f.StringVar(&cfg.Acks, "acks", "all", "what to wait for: all (on disk), 1 (written) or 0 (nothing)")
	f.BoolVar(&cfg.Reference, "reference", false, "also measure a server that throws everything away")
	f.StringVar(&cfg.DiskDir, "disk-dir", "", "folder on the disk that holds the node's data, to compare with its fsync")
	return cmd
}
