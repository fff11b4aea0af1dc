package main

import (
	"cmp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/declare"
)

func newEdit(c *cli) *cobra.Command {
	var edit declare.Edit
	cmd := &cobra.Command{
		Use:   "edit KIND NAME",
		Short: "Edit a resource, and declare what comes of it",
		Long: `Edit a resource in the editor that VISUAL or EDITOR names (default: vi), and
declare what comes of it, unless somebody else has changed the resource meanwhile.`,
		Example: examples("evident edit Topic orders"),
		Args:    arguments(1, 2, "KIND and NAME, as in Topic orders"),
		RunE: c.runs(func(cmd *cobra.Command, env tool.Env, args []string) error {
			edit.Editor = cmp.Or(c.variable("VISUAL"), c.variable("EDITOR"))
			return edit.Run(cmd.Context(), env, args)
		}),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	serverFlags(cmd, &edit.Server, true)
	outputFlag(cmd)
	return cmd
}

// variable is the value of an environment variable, empty if there is none.
func (c *cli) variable(name string) string {
	for _, v := range c.environ {
		if value, ok := strings.CutPrefix(v, name+"="); ok {
			return value
		}
	}
	return ""
}
