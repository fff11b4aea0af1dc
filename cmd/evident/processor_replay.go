package main

import (
	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/processor"
)

func newProcessorReplay(c *cli) *cobra.Command {
	tell := processor.Tell{Verb: "replay", Done: "another version of %s runs beside the active one"}
	cmd := &cobra.Command{
		Use:   "replay PROCESSOR",
		Short: "Run another version beside the active one, its outputs withheld",
		Long: `Run another version beside the active one, with positions, state and a changelog of its
own, from the start of the inputs or another place. Its outputs go nowhere until it is
switched to; its state can be read. The code is that which the program has for the
version, or else its latest.`,
		Example: examples("evident processor replay suspicious", "evident processor replay suspicious --from 2026-01-31T08:00:00Z --version 3"),
		Args:    arguments(1, 1, "the name of one processor"),
		RunE: c.runs(func(cmd *cobra.Command, env tool.Env, args []string) error {
			return tell.Run(cmd.Context(), env, args[0])
		}),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	f := cmd.Flags()
	f.StringVar(&tell.From, "from", "", "start, latest, or a time such as 2026-01-31T08:00:00Z")
	f.IntVar(&tell.Version, "version", 0, "the new version's number; the next one if it is not given")
	serverFlags(cmd, &tell.Server, true)
	outputFlag(cmd)
	return cmd
}
