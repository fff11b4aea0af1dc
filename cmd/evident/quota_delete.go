package main

import (
	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/quota"
)

func newQuotaDelete(c *cli) *cobra.Command {
	var remove quota.Delete
	cmd := &cobra.Command{
		Use:     "delete [LIMIT...]",
		Aliases: []string{"rm"},
		Short:   "Delete limits of clients",
		Long:    "Delete limits of a user, a client id or a default: those that are named, or all.",
		Example: examples(
			"evident quota delete --name client-id=importer",
			"evident quota delete request_percentage --default user",
		),
		Args: arguments(0, -1, "names of limits"),
		RunE: c.runs(func(cmd *cobra.Command, env tool.Env, args []string) error {
			return remove.Run(cmd.Context(), env, args)
		}),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	entityFlags(cmd.Flags(), &remove.Entity)
	cmd.Flags().BoolVar(&remove.DryRun, "dry-run", false, "only show what would be done")
	return cmd
}
