package main

import (
	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/topic"
)

func newTopicCreate(c *cli) *cobra.Command {
	var create topic.Create
	cmd := &cobra.Command{
		Use:   "create TOPIC...",
		Short: "Create topics",
		Long:  "Create topics. Settings are Kafka's topic properties, such as retention.ms or cleanup.policy.",
		Example: examples(
			"evident topic create orders",
			"evident topic create orders payments -p 10",
			"evident topic create customers -c cleanup.policy=compact -c min.compaction.lag.ms=60000",
			"evident topic create orders --if-not-exists -o json",
		),
		Args: arguments(1, -1, "the names of topics"),
		RunE: c.runs(func(cmd *cobra.Command, env tool.Env, args []string) error {
			return create.Run(cmd.Context(), env, args)
		}),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	f := cmd.Flags()
	f.Int32VarP(&create.Partitions, "partitions", "p", -1, "number of partitions; -1 is the node's default")
	f.Int16VarP(&create.Replicas, "replicas", "r", -1, "number of replicas; -1 is the cluster's default")
	f.StringArrayVarP(&create.Settings, "config", "c", nil, "topic setting as key=value; may be repeated")
	f.BoolVar(&create.DryRun, "dry-run", false, "only show what would be done")
	f.BoolVar(&create.IfNotExists, "if-not-exists", false, "leave a topic that is there already as it is")
	return cmd
}
