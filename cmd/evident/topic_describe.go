package main

import (
	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/topic"
)

func newTopicDescribe(c *cli) *cobra.Command {
	var describe topic.Describe
	cmd := &cobra.Command{
		Use:     "describe TOPIC...",
		Aliases: []string{"info"},
		Short:   "Show the partitions, offsets and settings of topics",
		Example: examples(
			"evident topic describe orders",
			"evident topic describe orders --all",
			"evident topic describe orders -o json",
		),
		Args: arguments(1, -1, "the names of topics"),
		RunE: c.runs(func(cmd *cobra.Command, env tool.Env, args []string) error {
			return describe.Run(cmd.Context(), env, args)
		}),
		ValidArgsFunction: c.completes(-1, topicNames),
	}
	cmd.Flags().BoolVarP(&describe.All, "all", "a", false, "settings that are defaults as well")
	return cmd
}
