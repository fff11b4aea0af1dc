package main

import (
	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/declare"
)

func newDescribe(c *cli) *cobra.Command {
	var describe declare.Describe
	cmd := &cobra.Command{
		Use:   "describe KIND NAME",
		Short: "Show a resource with who declared it, and whether it is so",
		Long: `Show a resource as it is declared, when and by whom that was, and whether what is
there is like it: somebody may have changed a topic by other means. Such drift is
shown and stays until the resource is applied again.`,
		Example: examples("evident describe Topic orders"),
		Args:    arguments(1, 2, "KIND and NAME, as in Topic orders"),
		RunE: c.runs(func(cmd *cobra.Command, env tool.Env, args []string) error {
			return describe.Run(cmd.Context(), env, args)
		}),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	serverFlags(cmd, &describe.Server, false)
	outputFlag(cmd)
	return cmd
}
