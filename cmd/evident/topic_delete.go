package main

import (
	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/topic"
)

func newTopicDelete(c *cli) *cobra.Command {
	return &cobra.Command{
		Use:     "delete TOPIC...",
		Aliases: []string{"rm"},
		Short:   "Delete topics and all their records",
		Example: examples("evident topic delete orders payments"),
		Args:    arguments(1, -1, "the names of topics"),
		RunE: c.runs(func(cmd *cobra.Command, env tool.Env, args []string) error {
			return topic.Delete{}.Run(cmd.Context(), env, args)
		}),
		ValidArgsFunction: c.completes(-1, topicNames),
	}
}
