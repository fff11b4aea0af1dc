package main

import (
	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/processor"
)

func newProcessorPause(c *cli) *cobra.Command {
	tell := processor.Tell{Verb: "pause", Done: "%s is paused"}
	cmd := &cobra.Command{
		Use:   "pause PROCESSOR",
		Short: "Stop a processor on all nodes",
		Long: `Stop a processor, or one of its versions, on all nodes, until it is resumed. What is
under way is committed; positions and state stay. State cannot be read meanwhile.`,
		Example: examples("evident processor pause suspicious", "evident processor pause suspicious --version 2"),
		Args:    arguments(1, 1, "the name of one processor"),
		RunE: c.runs(func(cmd *cobra.Command, env tool.Env, args []string) error {
			return tell.Run(cmd.Context(), env, args[0])
		}),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	f := cmd.Flags()
	f.IntVar(&tell.Version, "version", 0, "only this version")
	serverFlags(cmd, &tell.Server, true)
	outputFlag(cmd)
	return cmd
}
