package main

import (
	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/user"
)

func newUserCreate(c *cli) *cobra.Command {
	var set user.Set
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Create a user",
		Long: `Create a user. The password is asked for on a terminal, and otherwise the first
line of standard input, unless a flag says otherwise.`,
		Example: examples(
			"evident user create alice",
			"evident user create alice --generate -o json",
			"evident user create alice --new-password file:/run/secrets/alice",
			"evident user create alice --mechanism SCRAM-SHA-512 --user admin --password-file admin.password",
		),
		Args: arguments(1, 1, "the name of one user"),
		RunE: c.runs(func(cmd *cobra.Command, env tool.Env, args []string) error {
			return set.Create(cmd.Context(), env, args[0])
		}),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	setFlags(cmd.Flags(), &set)
	return cmd
}
