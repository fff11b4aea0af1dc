package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/evidence"
	"github.com/evidentlog/evident/node"
)

func newLedgerRebuild(c *cli) *cobra.Command {
	var rebuild evidence.Rebuild
	cmd := &cobra.Command{
		Use:   "rebuild TOPIC/PARTITION",
		Short: "Make a damaged tree again, from records and salts",
		Long: `Make entries of a partition's tree that are lost or damaged again, from the log's
records and the ledger's salts, and all of its hashes. What is made is used only if
it leads to the head that was signed; otherwise nothing is changed, and the first
offset that does not fit is told. The node goes on meanwhile. The old entries are
put aside as trees/<number>.entries.damaged in the ledger's folder.

It runs on the machine of the node, as a user who can read the file http-token in
its data folder. The exit code is 1 if not all of the tree can be proven again.`,
		Example: examples("evident ledger rebuild orders/3"),
		Args:    arguments(1, 1, "a partition, as in orders/3"),
		RunE: c.runs(func(cmd *cobra.Command, env tool.Env, args []string) error {
			return rebuild.Run(cmd.Context(), env, args[0])
		}),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	f := cmd.Flags()
	f.StringVar(&rebuild.URL, "url", "http://"+node.DefaultHTTPAddress, "where the node's HTTP is")
	f.StringVar(&rebuild.TokenFile, "token-file", "evident-data/http-token", "file with the node's token, in its data folder")
	f.DurationVar(&rebuild.Timeout, "timeout", time.Hour, "how long to wait for the node's answer")
	outputFlag(cmd)
	return cmd
}
