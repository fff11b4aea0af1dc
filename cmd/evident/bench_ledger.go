package main

import (
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/bench/provable"
	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/benchmark"
)

func newBenchLedger(c *cli) *cobra.Command {
	var cfg provable.Config
	var plot string
	cmd := &cobra.Command{
		Use:   "ledger [PART...]",
		Short: "Measure what the ledger costs: records, proofs, producers, lag, idle partitions",
		Long: `Measure the ledger on ledgers and nodes of its own, in a folder that is removed at
the end. Without PART all parts are measured:

  leaves      CPU time of a record, from its batch to the disk
  proofs      time of a proof, by size of the log; 67 bytes of disk a record
  produce     what producers lose by the ledger, and how soon it catches up
  lag         how long a record waits for its proof at a rate
  partitions  what partitions with a record a second each cost a node`,
		Example: examples(
			"evident bench ledger --disk-dir /var/tmp",
			"evident bench ledger leaves --size 100,1024 --rounds 5",
			"evident bench ledger proofs --logs 10000,1000000,100000000 --plot proofs.svg",
		),
		Args:      arguments(0, -1, "names of parts: "+strings.Join(provable.Parts(), ", ")),
		ValidArgs: provable.Parts(),
		RunE: c.runs(func(cmd *cobra.Command, env tool.Env, args []string) error {
			cfg.Parts = args
			return benchmark.RunLedger(cmd.Context(), env, cfg, plot)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&cfg.Dir, "disk-dir", os.TempDir(), "folder on the disk that is measured")
	f.IntSliceVar(&cfg.Sizes, "size", []int{100, 1024}, "bytes in each record's value")
	f.Int64SliceVar(&cfg.Logs, "logs", []int64{10_000, 100_000, 1_000_000}, "records in the logs that proofs are made from")
	f.DurationVar(&cfg.Duration, "duration", 5*time.Second, "how long a round lasts")
	f.IntVar(&cfg.Rounds, "rounds", 3, "how often each thing is measured, in turns where two are compared")
	f.IntVar(&cfg.Rate, "rate", 200_000, "records a second for lag")
	f.IntVar(&cfg.LagSize, "lag-size", 1024, "bytes in each of their values")
	f.IntVarP(&cfg.Many, "partitions", "p", 1000, "partitions with a record a second each")
	f.StringVar(&plot, "plot", "", "file for a drawing (SVG) of what proofs cost")
	return cmd
}
