package main

import (
	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/group"
)

func newGroupReset(c *cli) *cobra.Command {
	var reset group.Reset
	cmd := &cobra.Command{
		Use:     "reset GROUP",
		Aliases: []string{"seek"},
		Short:   "Move the offsets of a consumer group or share group",
		Long: `Move the committed offsets of a consumer group, or where a share group begins,
in all topics that it has offsets for or in those that --topic names. Its
consumers must be stopped. Offsets outside of a partition become its start or its end. Times are
written as for "evident consume --offset".`,
		Example: examples(
			"evident group reset payment --to start",
			"evident group reset payment --to @2026-01-31T08:00:00Z --dry-run",
			"evident group reset payment --to 100 --topic orders",
			"evident group reset payment --shift-by -10",
		),
		Args: arguments(1, 1, "the name of one group"),
		RunE: c.runs(func(cmd *cobra.Command, env tool.Env, args []string) error {
			return reset.Run(cmd.Context(), env, args[0])
		}),
		ValidArgsFunction: c.completes(1, groupNames),
	}
	f := cmd.Flags()
	f.StringVar(&reset.To, "to", "", "start, end, an offset N, +N after the start, -N before the end, or @TIME")
	f.Int64Var(&reset.ShiftBy, "shift-by", 0, "move by so many records instead, backwards if negative")
	f.StringArrayVarP(&reset.Topics, "topic", "t", nil, "topic to reset; may be repeated")
	f.BoolVar(&reset.Create, "create", false, "make the group if there is none of that name")
	f.BoolVarP(&reset.DryRun, "dry-run", "d", false, "only show what would be done")
	return cmd
}
