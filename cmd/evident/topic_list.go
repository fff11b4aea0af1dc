package main

import (
	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/topic"
)

func newTopicList(c *cli) *cobra.Command {
	var list topic.List
	cmd := &cobra.Command{
		Use:     "list [TOPIC...]",
		Aliases: []string{"ls"},
		Short:   "List topics",
		Example: examples(
			"evident topic list",
			"evident topic list --internal",
			"evident topic list -o json",
		),
		Args: cobra.ArbitraryArgs,
		RunE: c.runs(func(cmd *cobra.Command, env tool.Env, args []string) error {
			return list.Run(cmd.Context(), env, args)
		}),
		ValidArgsFunction: c.completes(-1, topicNames),
	}
	cmd.Flags().BoolVarP(&list.Internal, "internal", "i", false, "internal topics as well")
	return cmd
}
