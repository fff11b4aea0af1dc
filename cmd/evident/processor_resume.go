package main

import (
	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/processor"
)

func newProcessorResume(c *cli) *cobra.Command {
	tell := processor.Tell{Verb: "resume", Done: "%s goes on"}
	cmd := &cobra.Command{
		Use:     "resume PROCESSOR",
		Short:   "Have a paused processor go on",
		Long:    `Have a processor that was paused go on where it stopped.`,
		Example: examples("evident processor resume suspicious"),
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
