package main

import (
	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/user"
)

func newUserPasswd(c *cli) *cobra.Command {
	var set user.Set
	cmd := &cobra.Command{
		Use:     "passwd NAME",
		Aliases: []string{"password"},
		Short:   "Change a user's password",
		Long: `Change a user's password, which is given as for "evident user create". It counts
for new connections; those that are open stay.`,
		Example: examples(
			"evident user passwd alice",
			"evident user passwd alice --generate",
		),
		Args: arguments(1, 1, "the name of one user"),
		RunE: c.runs(func(cmd *cobra.Command, env tool.Env, args []string) error {
			return set.Change(cmd.Context(), env, args[0])
		}),
		ValidArgsFunction: c.completes(1, userNames),
	}
	setFlags(cmd.Flags(), &set)
	return cmd
}
