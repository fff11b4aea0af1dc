package main

import (
	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/topic"
)

func newTopicAlter(c *cli) *cobra.Command {
	var alter topic.Alter
	cmd := &cobra.Command{
		Use:   "alter TOPIC...",
		Short: "Change settings of topics, or give them more partitions",
		Long: `Change settings of topics, or give them more partitions. Records stay where
they are: with more partitions, new records of a key may go elsewhere.`,
		Example: examples(
			"evident topic alter orders -c retention.ms=604800000",
			"evident topic alter orders --unset retention.ms",
			"evident topic alter orders --partitions 20",
		),
		Args: arguments(1, -1, "the names of topics"),
		RunE: c.runs(func(cmd *cobra.Command, env tool.Env, args []string) error {
			return alter.Run(cmd.Context(), env, args)
		}),
		ValidArgsFunction: c.completes(-1, topicNames),
	}
	f := cmd.Flags()
	f.IntVarP(&alter.Partitions, "partitions", "p", 0, "number of partitions to grow to")
	f.StringArrayVarP(&alter.Settings, "config", "c", nil, "topic setting as key=value; may be repeated")
	f.StringArrayVar(&alter.Unset, "unset", nil, "key of a setting to give back to the default; may be repeated")
	return cmd
}
