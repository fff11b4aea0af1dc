package main

import (
	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/processor"
)

func newProcessorList(c *cli) *cobra.Command {
	var list processor.List
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the processors that the node has code for",
		Example: examples("evident processor list"),
		Args:    arguments(0, 0, "no arguments"),
		RunE: c.runs(func(cmd *cobra.Command, env tool.Env, _ []string) error {
			return list.Run(cmd.Context(), env)
		}),
	}
	serverFlags(cmd, &list.Server, false)
	outputFlag(cmd)
	return cmd
}
