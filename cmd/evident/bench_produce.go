package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/bench"
	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/benchmark"
)

func newBenchProduce(c *cli, n *benchmark.Node) *cobra.Command {
	var cfg bench.ProduceConfig
	cmd := &cobra.Command{
		Use:   "produce",
		Short: "Measure how fast a node takes records",
		Long: `Measure how fast a node takes records. With --reference, each round also measures
the same client against a server that throws everything away, and a plain
program that appends to a file with fsync: the smaller of the two is what can be
reached on this machine.`,
		Example: examples(
			"evident bench produce",
			"evident bench produce --size 1024 --partitions 10 --duration 10s",
			"evident bench produce --reference --disk-dir ./evident-data -o json",
		),
		Args: arguments(0, 0, "no arguments"),
		RunE: c.runs(func(cmd *cobra.Command, env tool.Env, _ []string) error {
			return benchmark.Run(cmd.Context(), env, *n, func(ctx context.Context, t bench.Target) (benchmark.Result, error) {
				cfg.Target = t
				return bench.Produce(ctx, cfg)
			})
		}),
	}
	f := cmd.Flags()
	f.StringVar(&cfg.Topic, "topic", "", "topic to produce to (default: one of its own, deleted at the end)")
	f.Int32VarP(&cfg.Partitions, "partitions", "p", 10, "partitions of a topic that is created")
	f.IntVar(&cfg.RecordSize, "size", 100, "bytes in each record's value")
	f.Int64VarP(&cfg.Records, "count", "n", 0, "records in a round; 0 is as many as fit into the duration")
	f.DurationVar(&cfg.Duration, "duration", 5*time.Second, "how long a round lasts")
	f.DurationVar(&cfg.Warmup, "warmup", 500*time.Millisecond, "how long it runs before it is timed")
	f.IntVar(&cfg.Rounds, "rounds", 3, "how often everything is measured in turn")
	f.IntVar(&cfg.Clients, "clients", 1, "Kafka clients that share the work")
	f.IntVar(&cfg.Window, "window", 32<<20, "bytes that a client may have in flight")
	f.Int32Var(&cfg.BatchBytes, "batch-bytes", 1000012, "bytes of the largest record batch")
	f.DurationVar(&cfg.Linger, "linger", 5*time.Millisecond, "how long a client waits for a batch to fill")
	f.StringVar(&cfg.Acks, "acks", "all", "what to wait for: all (on disk), 1 (written) or 0 (nothing)")
	f.StringVarP(&cfg.Compression, "compression", "z", "none", "none, gzip, snappy, lz4 or zstd")
	f.BoolVar(&cfg.Reference, "reference", false, "also measure what can be reached; needs --disk-dir")
	f.StringVar(&cfg.DiskDir, "disk-dir", "", "folder on the disk that holds the node's data")
	return cmd
}
