package main

import (
	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/group"
)

func newGroupDelete(c *cli) *cobra.Command {
	return &cobra.Command{
		Use:     "delete GROUP...",
		Aliases: []string{"rm"},
		Short:   "Delete groups and their offsets",
		Example: examples("evident group delete payment"),
		Args:    arguments(1, -1, "the names of groups"),
		RunE: c.runs(func(cmd *cobra.Command, env tool.Env, args []string) error {
			return group.Delete{}.Run(cmd.Context(), env, args)
		}),
		ValidArgsFunction: c.completes(-1, groupNames),
	}
}
