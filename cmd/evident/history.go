package main

import (
	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/declare"
)

func newHistory(c *cli) *cobra.Command {
	var history declare.History
	cmd := &cobra.Command{
		Use:   "history KIND NAME",
		Short: "Show every version of a resource",
		Long: `Show every version of a resource, the oldest first: when it was declared, by whom,
and what changed. A version's revision is its offset in __evident_resources, so
that "evident prove __evident_resources/0@REVISION" proves it.`,
		Example: examples("evident history Topic orders"),
		Args:    arguments(1, 2, "KIND and NAME, as in Topic orders"),
		RunE: c.runs(func(cmd *cobra.Command, env tool.Env, args []string) error {
			return history.Run(cmd.Context(), env, args)
		}),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	serverFlags(cmd, &history.Server, false)
	outputFlag(cmd)
	return cmd
}
