package main

import (
	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/user"
)

func newUserList(c *cli) *cobra.Command {
	return &cobra.Command{
		Use:     "list [NAME...]",
		Aliases: []string{"ls"},
		Short:   "List users",
		Example: examples("evident user list", "evident user list alice -o json"),
		Args:    arguments(0, -1, "the names of users"),
		RunE: c.runs(func(cmd *cobra.Command, env tool.Env, args []string) error {
			return user.List{}.Run(cmd.Context(), env, args)
		}),
		ValidArgsFunction: c.completes(-1, userNames),
	}
}
