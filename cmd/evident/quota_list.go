package main

import (
	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/quota"
)

func newQuotaList(c *cli) *cobra.Command {
	var list quota.List
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls", "describe"},
		Short:   "List limits of clients",
		Example: examples(
			"evident quota list",
			"evident quota list --name user=alice",
			"evident quota list --default client-id --strict -o json",
			"evident quota list --any user",
		),
		Args: arguments(0, 0, "no arguments"),
		RunE: c.runs(func(cmd *cobra.Command, env tool.Env, _ []string) error {
			return list.Run(cmd.Context(), env)
		}),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	entityFlags(cmd.Flags(), &list.Entity)
	cmd.Flags().StringSliceVar(&list.Any, "any", nil, "user or client-id: those that have one, by name or default")
	cmd.Flags().BoolVar(&list.Strict, "strict", false, "leave out limits for both where only one was asked for")
	return cmd
}
