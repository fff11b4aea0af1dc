package main

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/evidence"
	"github.com/evidentlog/evident/node"
)

func newProve(c *cli) *cobra.Command {
	var prove evidence.Prove
	cmd := &cobra.Command{
		Use:   "prove [TOPIC/PARTITION@OFFSET]",
		Short: "Get the proof that a record was in the log, as a file",
		Long: `Get the proof that a record was in the log, as a file that anyone can check
without a node or a network: "evident verify". The file has the record in it.

Instead of one record's place, say what to search for, as in "evident find": the
file then proves all records that fit, at most 10000 of them.

A record becomes provable a second or two after it was produced, and if the node
has witnesses a moment later, when enough of them have cosigned; the command
waits for that. The node must not run with --ledger off.`,
		Example: examples(
			"evident prove orders/3@1042 -o order.proof",
			"evident prove --id 1234-1234-1234 --source /shop -o event.proof",
			"evident prove --key alice --topic orders --since 2026-01-01 --until 2026-02-01 -o january.proof",
			"evident prove orders/3@1042 --url https://events.example.com --token-file http-token | evident verify - --vkey keys.txt",
		),
		Args: arguments(0, 1, "one record, as in orders/3@1042"),
		RunE: c.runs(func(cmd *cobra.Command, env tool.Env, args []string) error {
			return prove.Run(cmd.Context(), env, strings.Join(args, ""))
		}),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	f := cmd.Flags()
	queryFlags(f, &prove.Query)
	f.IntVar(&prove.Query.Limit, "limit", 0, "refuse to prove more records than that (default 10000)")
	f.StringVar(&prove.URL, "url", "http://"+node.DefaultHTTPAddress, "where the node's HTTP is")
	f.StringVarP(&prove.Output, "out", "o", "", "file to write (default: standard output)")
	f.BoolVar(&prove.Unwitnessed, "unwitnessed", false, "do not wait for the node's witnesses")
	f.BoolVar(&prove.Anchored, "anchored", false, "rather get no proof than one without a receipt of an anchor, which takes hours")
	readingTokenFlag(f, &prove.TokenFile)
	f.DurationVar(&prove.Timeout, "timeout", 10*time.Second, "how long to wait for an answer, and for the record to become provable")
	return cmd
}
