package main

import (
	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/config"
	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/cluster"
)

func newCluster(c *cli) *cobra.Command {
	cmd := parent("cluster", "Show the brokers and their disks")
	config.ClientFlags(cmd.PersistentFlags())
	outputFlag(cmd)
	cmd.AddCommand(newClusterInfo(c))
	return cmd
}

func newClusterInfo(c *cli) *cobra.Command {
	return &cobra.Command{
		Use:     "info",
		Aliases: []string{"describe", "status"},
		Short:   "Show the brokers, and what partitions take of their disks",
		Example: examples("evident cluster info", "evident cluster info -o json"),
		Args:    arguments(0, 0, "no arguments"),
		RunE: c.runs(func(cmd *cobra.Command, env tool.Env, _ []string) error {
			return cluster.Info{}.Run(cmd.Context(), env)
		}),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
}
