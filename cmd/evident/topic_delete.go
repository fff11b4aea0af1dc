package main

import (
	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/topic"
)

func newTopicDelete(c *cli) *cobra.Command {
	var remove topic.Delete
	cmd := &cobra.Command{
		Use:     "delete TOPIC...",
		Aliases: []string{"rm"},
		Short:   "Delete topics and all their records",
		Example: examples("evident topic delete orders payments", "evident topic delete orders --if-exists"),
		Args:    arguments(1, -1, "the names of topics"),
		RunE: c.runs(func(cmd *cobra.Command, env tool.Env, args []string) error {
			return remove.Run(cmd.Context(), env, args)
		}),
		ValidArgsFunction: c.completes(-1, topicNames),
	}
	cmd.Flags().BoolVar(&remove.IfExists, "if-exists", false, "pass over topics that are not there")
	return cmd
}
