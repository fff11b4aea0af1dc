package main

import (
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/bench/processing"
	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/benchmark"
	"github.com/evidentlog/evident/node"
)

func newBenchProcess(c *cli, n *benchmark.Node) *cobra.Command {
	var cfg processing.Config
	cmd := &cobra.Command{
		Use:   "process [PART...]",
		Short: "Measure processors: records, latency, timers, state, restore",
		Long: `Measure the processor runtime, exactly once. Unless --brokers names a cluster on
which the runtime alone is measured, it runs beside a broker in one process of its
own, in a folder that is removed at the end. Without PART all parts are measured:

  identity  records copied from a topic that was filled to another
  count     records counted by key, with a changelog, and each count written
  latency   how long a record is under way from topic to topic, at a steady rate,
            beside the disk's fsync
  timers    many timers set, the memory they take, and how late they fire
  state     keys read and written
  restore   state removed, and made again from its changelog`,
		Example: examples(
			"evident bench process identity count --disk-dir /var/tmp",
			"evident bench process count --count 10000000 --keys 1000000 --rounds 5",
			"evident bench process identity --brokers localhost:19092 --input filled",
			"evident bench process restore --state-keys 10000000 -o json",
		),
		Args:      arguments(0, -1, "names of parts: "+strings.Join(processing.Parts(), ", ")),
		ValidArgs: processing.Parts(),
		RunE: c.runs(func(cmd *cobra.Command, env tool.Env, args []string) error {
			cfg.Parts = args
			if cmd.Flags().Changed("brokers") {
				cfg.Brokers, cfg.BrokerPID = env.Cluster.Brokers, n.PID
			}
			return benchmark.RunProcess(cmd.Context(), env, cfg)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&cfg.Dir, "disk-dir", os.TempDir(), "folder on the disk that is measured")
	f.StringVar(&cfg.Input, "input", "", "topic on --brokers that identity and count read; it is filled unless it is there, and kept")
	f.Int32VarP(&cfg.Partitions, "partitions", "p", 4, "partitions of the topics")
	f.Int64VarP(&cfg.Records, "count", "n", 4_000_000, "records that identity and count go through")
	f.IntVar(&cfg.RecordSize, "size", 100, "bytes in each record's value")
	f.Int64Var(&cfg.Keys, "keys", 100_000, "how many keys the records have")
	f.IntVar(&cfg.Rounds, "rounds", 3, "how often each part is measured")
	f.IntVar(&cfg.Rate, "rate", 5000, "records a second for latency")
	f.DurationVar(&cfg.Duration, "duration", 5*time.Second, "how long a round of latency lasts")
	f.Int64Var(&cfg.Timers, "timers", 1_000_000, "how many timers are set")
	f.IntVar(&cfg.FireRate, "due-rate", 50_000, "how many of them are due a second")
	f.Int64Var(&cfg.StateKeys, "state-keys", 1_000_000, "how many keys state and restore have")
	f.Int64Var(&cfg.StateMemory, "state-memory", node.DefaultStateMemory, "bytes of memory that the state may take")
	return cmd
}

// newBenchProcessChild is what "bench process" starts.
func newBenchProcessChild(c *cli) *cobra.Command {
	return &cobra.Command{
		Use:    "process-child",
		Short:  "Run the processors that standard input asks for, until it ends",
		Hidden: true,
		Args:   arguments(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return processing.RunChild(cmd.Context(), c.in, c.out)
		},
	}
}
