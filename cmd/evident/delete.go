package main

import (
	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/declare"
)

func newDelete(c *cli) *cobra.Command {
	var del declare.Delete
	cmd := &cobra.Command{
		Use:   "delete KIND NAME",
		Short: "Declare something no more, and delete it",
		Long: `Declare something no more, and delete it: of a Topic, the topic. One that holds
records stays, and so does its declaration, unless --delete-data is given. The
history of what was declared stays in any case.`,
		Example: examples(
			"evident delete Topic orders",
			"evident delete -f topics/ --dry-run",
			"evident delete Topic orders --delete-data",
		),
		Args: arguments(0, 2, "KIND and NAME, as in Topic orders"),
		RunE: c.runs(func(cmd *cobra.Command, env tool.Env, args []string) error {
			return del.Run(cmd.Context(), env, args)
		}),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	f := cmd.Flags()
	filesFlag(cmd, &del.Files, "delete what it declares")
	f.BoolVar(&del.DeleteData, "delete-data", false, "let topics go that hold records, and ids that were seen")
	f.BoolVar(&del.DryRun, "dry-run", false, "only show what would go")
	serverFlags(cmd, &del.Server, true)
	outputFlag(cmd)
	return cmd
}
