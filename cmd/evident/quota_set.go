package main

import (
	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/quota"
)

func newQuotaSet(c *cli) *cobra.Command {
	var set quota.Set
	cmd := &cobra.Command{
		Use:     "set LIMIT=VALUE...",
		Aliases: []string{"alter"},
		Short:   "Set limits of clients",
		Example: examples(
			"evident quota set producer_byte_rate=1048576 --name client-id=importer",
			"evident quota set consumer_byte_rate=10485760 request_percentage=50 --default user",
			"evident quota set producer_byte_rate=1048576 --name user=alice --default client-id",
		),
		Args: arguments(1, -1, "limits as name=value"),
		RunE: c.runs(func(cmd *cobra.Command, env tool.Env, args []string) error {
			return set.Run(cmd.Context(), env, args)
		}),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	entityFlags(cmd.Flags(), &set.Entity)
	cmd.Flags().BoolVar(&set.DryRun, "dry-run", false, "only show what would be done")
	return cmd
}
