package main

import (
	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/config"
	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/evidence"
)

func newLedgerAudit(c *cli) *cobra.Command {
	var audit evidence.Audit
	cmd := &cobra.Command{
		Use:   "audit URL",
		Short: "Read all records again, and compare them with the ledger",
		Long: `Read whole partitions again through the Kafka protocol, make the entries of
their trees of records and salts, and compare them with what the node serves: the
entries, the tiles, every head in the root log, every checkpoint that was kept, and
their signatures. URL is where the node's HTTP is; --brokers says where its records
are. The reader's rights are needed.

Records that the log no longer has are taken from their entries, and counted apart.
The exit code is 0 if all fits, and 1 if anything does not; then a sentence says
which part of which offset was altered. An audit that is interrupted goes on where
it was when it is started again.`,
		Example: examples(
			"evident ledger audit https://events.example.com --vkey keys.txt --brokers events.example.com:9092 --token-file http-token",
			"evident ledger audit http://127.0.0.1:8080 --topic orders --topic payments/3 -o json",
		),
		Args: arguments(1, 1, "the URL of a node's HTTP"),
		RunE: c.runs(func(cmd *cobra.Command, env tool.Env, args []string) error {
			return audit.Run(cmd.Context(), env, args[0])
		}),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	f := cmd.Flags()
	f.StringArrayVar(&audit.Keys, "vkey", nil, "verifier key of the root log, or a file with one on each line; may be repeated, and each must have signed")
	f.StringVar(&audit.Policy, "policy", "", "file with a policy: the newest checkpoint must be cosigned as it says, and all cosignatures that it knows must be right")
	f.StringArrayVar(&audit.Topics, "topic", nil, "topic, or TOPIC/PARTITION, to audit; may be repeated (default all)")
	readingTokenFlag(f, &audit.TokenFile)
	f.StringVar(&audit.State, "state", "evident-audit", "folder that lets an audit that is interrupted go on")
	outputFlag(cmd)
	config.ClientFlags(f)
	return cmd
}
