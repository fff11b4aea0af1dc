package main

import (
	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/offset"
	"github.com/evidentlog/evident/internal/tool/topic"
)

func newTopicTrim(c *cli) *cobra.Command {
	var trim topic.Trim
	cmd := &cobra.Command{
		Use:     "trim TOPIC...",
		Aliases: []string{"trim-prefix", "delete-records"},
		Short:   "Delete the records of topics before an offset",
		Long: `Delete the records of topics before an offset. It shows at which offset each
partition began and begins. A topic that is only compacted cannot be trimmed.

Offsets: ` + offset.Syntax,
		Example: examples(
			"evident topic trim orders --to @-24h",
			"evident topic trim orders --to 1000 -p 0,3",
			"evident topic trim orders --to end --dry-run",
		),
		Args: arguments(1, -1, "the names of topics"),
		RunE: c.runs(func(cmd *cobra.Command, env tool.Env, args []string) error {
			return trim.Run(cmd.Context(), env, args)
		}),
		ValidArgsFunction: c.completes(-1, topicNames),
	}
	f := cmd.Flags()
	f.StringVar(&trim.To, "to", "", "the offset that the topics are to begin with")
	f.Int32SliceVarP(&trim.Partitions, "partition", "p", nil, "partitions to trim, with commas between them (default all)")
	f.BoolVar(&trim.DryRun, "dry-run", false, "only show what would be done")
	return cmd
}
