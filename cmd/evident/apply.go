package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/declare"
	"github.com/evidentlog/evident/node"
)

func newApply(c *cli) *cobra.Command {
	var apply declare.Apply
	cmd := &cobra.Command{
		Use:   "apply -f FILE",
		Short: "Declare what files say: topics, and which of them are without duplicates",
		Long: `Declare what files say, all of it or nothing, and make it so. Files are YAML or
JSON, with one or many documents; a folder stands for its files that end in .yaml,
.yml or .json. What is wrong is told with file, line and column.

  apiVersion: evident/v1
  kind: Topic
  metadata:
    name: orders
  spec:
    partitions: 6
    config:
      retention.ms: 604800000

To apply the same once more does no harm, and sets right what somebody else has
changed. --prune deletes what earlier applies of the same --set declared and the
files have no more; topics that hold records stay, unless --delete-data is given.

What is declared is kept in the topic __evident_resources, for ever and provable.
It needs the token in the node's data folder.`,
		Example: examples(
			"evident apply -f app.yaml",
			"evident apply -f topics/ --dry-run",
			"evident apply -f topics/ --set shop --prune",
			"generate-topics | evident apply -f -",
		),
		Args: arguments(0, 0, "no arguments: files are named by -f"),
		RunE: c.runs(func(cmd *cobra.Command, env tool.Env, _ []string) error {
			return apply.Run(cmd.Context(), env)
		}),
	}
	f := cmd.Flags()
	filesFlag(cmd, &apply.Files, "declare")
	f.StringVar(&apply.Set, "set", "", "name for all that the files declare, kept as the label evident/set")
	f.BoolVar(&apply.Prune, "prune", false, "delete what was declared with the same --set, and is not in the files")
	f.BoolVar(&apply.DeleteData, "delete-data", false, "let topics go that hold records, and ids that were seen")
	f.BoolVar(&apply.DryRun, "dry-run", false, "only show what would change")
	serverFlags(cmd, &apply.Server, true)
	outputFlag(cmd)
	return cmd
}

// filesFlag adds -f, which may be repeated.
func filesFlag(cmd *cobra.Command, to *[]string, what string) {
	cmd.Flags().StringArrayVarP(to, "file", "f", nil, "file or folder to "+what+`; "-" is the standard input; may be repeated`)
}

// serverFlags adds where the node is that is asked, and with what token.
func serverFlags(cmd *cobra.Command, s *declare.Server, changes bool) {
	f := cmd.Flags()
	f.StringVar(&s.URL, "url", "http://"+node.DefaultHTTPAddress, "where the node's HTTP is")
	if changes {
		f.StringVar(&s.TokenFile, "token-file", "evident-data/http-token", "file with the node's token, in its data folder")
	}
	f.DurationVar(&s.Timeout, "timeout", 30*time.Second, "how long to wait for an answer")
}
