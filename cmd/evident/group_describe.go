package main

import (
	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/group"
)

func newGroupDescribe(c *cli) *cobra.Command {
	return &cobra.Command{
		Use:     "describe GROUP...",
		Aliases: []string{"info"},
		Short:   "Show the members of groups and how far they lag behind",
		Example: examples(
			"evident group describe payment",
			"evident group describe payment -o json | jq '.[].total_lag'",
		),
		Args: arguments(1, -1, "the names of groups"),
		RunE: c.runs(func(cmd *cobra.Command, env tool.Env, args []string) error {
			return group.Describe{}.Run(cmd.Context(), env, args)
		}),
		ValidArgsFunction: c.completes(-1, groupNames),
	}
}
