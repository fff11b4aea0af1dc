package main

import (
	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/processor"
)

func newProcessorDescribe(c *cli) *cobra.Command {
	var describe processor.Describe
	cmd := &cobra.Command{
		Use:     "describe PROCESSOR",
		Short:   "Show a processor's versions, tasks, lag and standbys",
		Example: examples("evident processor describe suspicious"),
		Args:    arguments(1, 1, "the name of one processor"),
		RunE: c.runs(func(cmd *cobra.Command, env tool.Env, args []string) error {
			return describe.Run(cmd.Context(), env, args[0])
		}),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	serverFlags(cmd, &describe.Server, false)
	outputFlag(cmd)
	return cmd
}
