package main

import (
	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/tool"
)

func newVersion(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print what was built: version, commit, Go version",
		Example: examples("evident version", "evident version -o json"),
		Args:    arguments(0, 0, "no arguments"),
		RunE: c.runs(func(_ *cobra.Command, env tool.Env, _ []string) error {
			return tool.BuildVersion().Print(env)
		}),
	}
	outputFlag(cmd)
	return cmd
}
