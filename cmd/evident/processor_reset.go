package main

import (
	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/processor"
)

func newProcessorReset(c *cli) *cobra.Command {
	tell := processor.Tell{Verb: "reset", Done: "%s was reset, and goes on unless it was paused"}
	cmd := &cobra.Command{
		Use:   "reset PROCESSOR",
		Short: "Have a processor go on elsewhere in its inputs",
		Long: `Stop a processor, set its positions, and have it go on from there. What it reads again
it writes again. Of a processor with state --state says whether that stays, with what
the records that are read again have left in it, or is discarded, with its timers: to
begin at the start it usually goes, to pass over a record that does harm it stays.
To see first what comes of it, use replay.`,
		Example: examples("evident processor reset suspicious --to start --state discard", "evident processor reset suspicious --to 2026-01-31T08:00:00Z --state keep"),
		Args:    arguments(1, 1, "the name of one processor"),
		RunE: c.runs(func(cmd *cobra.Command, env tool.Env, args []string) error {
			return tell.Run(cmd.Context(), env, args[0])
		}),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	f := cmd.Flags()
	f.StringVar(&tell.To, "to", "", "start, latest, a time such as 2026-01-31T08:00:00Z, or an offset of each partition")
	f.StringVar(&tell.State, "state", "", "keep or discard")
	f.IntVar(&tell.Version, "version", 0, "which version; the active one if it is not given")
	serverFlags(cmd, &tell.Server, true)
	outputFlag(cmd)
	return cmd
}
