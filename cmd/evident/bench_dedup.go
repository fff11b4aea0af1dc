package main

import (
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/bench/processing"
	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/benchmark"
)

func newBenchDedup(c *cli) *cobra.Command {
	var cfg processing.DedupConfig
	cmd := &cobra.Command{
		Use:   "dedup [PART...]",
		Short: "Measure topics without duplicates: records, and the memory of ids",
		Long: `Measure de-duplication, exactly once, in processes and a folder of its own, which is
removed at the end. Without PART all parts are measured:

  through  records from a topic that was filled to another, broker and runtime in one
           process
  alone    the same, with the broker in a process of its own
  memory   ids added, a thousand for each record of a topic, with state, changelog and
           commits; then the process is ended and started again with the state on disk,
           and once more without, from the changelog`,
		Example: examples(
			"evident bench dedup through alone --disk-dir /var/tmp",
			"evident bench dedup memory --ids 100000000 -o json",
		),
		Args:      arguments(0, -1, "names of parts: "+strings.Join(processing.DedupParts(), ", ")),
		ValidArgs: processing.DedupParts(),
		RunE: c.runs(func(cmd *cobra.Command, env tool.Env, args []string) error {
			cfg.Parts = args
			return benchmark.RunDedup(cmd.Context(), env, cfg)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&cfg.Dir, "disk-dir", os.TempDir(), "folder on the disk that is measured")
	f.Int32VarP(&cfg.Partitions, "partitions", "p", 4, "partitions of the topics")
	f.Int64VarP(&cfg.Records, "count", "n", 4_000_000, "records that go through")
	f.IntVar(&cfg.RecordSize, "size", 100, "bytes in each record's value")
	f.Int64Var(&cfg.Again, "one-seen-in", 10, "one in so many records has an id that was seen")
	f.Int64Var(&cfg.IDs, "ids", 1_000_000, "how many ids are kept in memory")
	f.IntVar(&cfg.Rounds, "rounds", 3, "how often through and alone are measured")
	return cmd
}
