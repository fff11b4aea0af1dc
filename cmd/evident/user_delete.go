package main

import (
	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/user"
)

func newUserDelete(c *cli) *cobra.Command {
	return &cobra.Command{
		Use:     "delete NAME...",
		Aliases: []string{"rm"},
		Short:   "Delete users",
		Long:    "Delete users. They cannot log in any more; connections that are open stay.",
		Example: examples("evident user delete alice bob"),
		Args:    arguments(1, -1, "the names of users"),
		RunE: c.runs(func(cmd *cobra.Command, env tool.Env, args []string) error {
			return user.Delete{}.Run(cmd.Context(), env, args)
		}),
		ValidArgsFunction: c.completes(-1, userNames),
	}
}
