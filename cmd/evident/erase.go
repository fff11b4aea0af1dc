package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/evidence"
	"github.com/evidentlog/evident/node"
)

func newErase(c *cli) *cobra.Command {
	var erase evidence.Erase
	var key string
	cmd := &cobra.Command{
		Use:   "erase TOPIC/PARTITION@OFFSET...",
		Short: "Destroy records for good, and leave their proofs valid",
		Long: `Destroy records for good: what the log has of them, their salts in the ledger,
what its index has, and their dead letters. Readers skip the offsets. A receipt
in the ledger says which offsets, when and by whom, and not whose; proofs from
before, and of all other records, stay valid.

It shows what would go and asks, unless --yes is given. It runs on the machine
of the node, as a user who can read the file http-token in its data folder. On a Kafka cluster that somebody else runs only the salts can be
destroyed: then it says so, and the exit code is 1.`,
		Example: examples(
			"evident erase orders/3@1042 orders/3@1050-1053",
			"evident erase --topic orders --key alice --dry-run",
			"evident erase --topic orders --before 2026-01-31 --yes",
			"evident erase --list orders/3",
		),
		RunE: c.runs(func(cmd *cobra.Command, env tool.Env, args []string) error {
			if cmd.Flags().Changed("key") {
				erase.Key = &key
			}
			return erase.Run(cmd.Context(), env, args)
		}),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	f := cmd.Flags()
	f.StringVar(&erase.URL, "url", "http://"+node.DefaultHTTPAddress, "where the node's HTTP is")
	f.StringVar(&erase.TokenFile, "token-file", "evident-data/http-token", "file with the node's token, in its data folder")
	f.StringVar(&erase.Topic, "topic", "", "erase what --key or --before says, in all partitions of this topic")
	f.StringVar(&key, "key", "", "erase the records of the topic with this key")
	f.StringVar(&erase.Before, "before", "", "erase the records of the topic that are older: 2026-01-31, 2026-01-31T08:00:00Z, -720h (ago)")
	f.BoolVar(&erase.DryRun, "dry-run", false, "only show what would be erased")
	f.BoolVar(&erase.Yes, "yes", false, "do not ask")
	f.StringVar(&erase.List, "list", "", "show what was erased of a partition, as in orders/3")
	f.DurationVar(&erase.Timeout, "timeout", 5*time.Minute, "how long to wait for the node's answer")
	outputFlag(cmd)
	return cmd
}
