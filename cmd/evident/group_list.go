package main

import (
	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/group"
)

func newGroupList(c *cli) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List consumer groups and share groups",
		Example: examples("evident group list", "evident group list -o json"),
		Args:    arguments(0, 0, "no arguments"),
		RunE: c.runs(func(cmd *cobra.Command, env tool.Env, _ []string) error {
			return group.List{}.Run(cmd.Context(), env)
		}),
	}
}
