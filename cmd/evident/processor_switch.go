package main

import (
	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/processor"
)

func newProcessorSwitch(c *cli) *cobra.Command {
	tell := processor.Tell{Verb: "switch", Done: "%s was switched"}
	cmd := &cobra.Command{
		Use:   "switch PROCESSOR",
		Short: "Let another version's outputs count, and stop the active one",
		Long: `Let the outputs of a version count that runs beside the active one, from where this has
stopped in each partition: none is missing, and none is there twice. The version waits
until the active one is as far as it, which stops then. Its positions, state and
changelog stay: "evident group delete" and "evident topic delete" remove them.`,
		Example: examples("evident processor switch suspicious", "evident processor switch suspicious --version 3"),
		Args:    arguments(1, 1, "the name of one processor"),
		RunE: c.runs(func(cmd *cobra.Command, env tool.Env, args []string) error {
			return tell.Run(cmd.Context(), env, args[0])
		}),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	f := cmd.Flags()
	f.IntVar(&tell.Version, "version", 0, "which version; the latest if it is not given")
	serverFlags(cmd, &tell.Server, true)
	outputFlag(cmd)
	return cmd
}
