package main

import (
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/evidence"
	"github.com/evidentlog/evident/node"
)

func newFind(c *cli) *cobra.Command {
	var find evidence.Find
	cmd := &cobra.Command{
		Use:   "find",
		Short: "Find records by key, event id, type, correlation id and time",
		Long: `Find records by what they say: the key, the attributes of a CloudEvent, the time.
All that is given must fit. What was committed a moment ago is found.

Records come in the order of topics, partitions and offsets. If a part of what is
searched could not be, because the index is behind or another node of a shared
ledger has it, that is said, and the exit code is 1. The node must run neither
with --ledger off nor with --ledger-index off.`,
		Example: examples(
			"evident find --id 1234-1234-1234",
			"evident find --key alice --topic orders --since 2026-01-31 --until 2026-02-01",
			"evident find --correlation order-7 -o json",
			"evident find --topic orders --since -10m",
		),
		Args: arguments(0, 0, "no arguments"),
		RunE: c.runs(func(cmd *cobra.Command, env tool.Env, _ []string) error {
			return find.Run(cmd.Context(), env)
		}),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	f := cmd.Flags()
	queryFlags(f, &find.Query)
	f.IntVar(&find.Limit, "limit", 0, "records to find at most (default 100)")
	f.StringVar(&find.Cursor, "cursor", "", "where to go on, as the last answer said")
	f.StringVar(&find.URL, "url", "http://"+node.DefaultHTTPAddress, "where the node's HTTP is")
	readingTokenFlag(f, &find.TokenFile)
	f.DurationVar(&find.Timeout, "timeout", 30*time.Second, "how long to wait for the answer")
	outputFlag(cmd)
	return cmd
}

// readingTokenFlag adds the file with what reading data from another machine needs.
func readingTokenFlag(f *pflag.FlagSet, file *string) {
	f.StringVar(file, "token-file", "", "file with the node's token (http-token in its data folder), which it wants from other machines")
}

// queryFlags adds the flags that say what is searched for.
func queryFlags(f *pflag.FlagSet, q *evidence.Query) {
	f.StringVar(&q.Topic, "topic", "", "topic to search (default: all)")
	f.Var(&q.Key, "key", "the record's key")
	f.Var(&q.ID, "id", "the event's id (CloudEvents)")
	f.Var(&q.Source, "source", "the event's source")
	f.Var(&q.Type, "type", "the event's type")
	f.Var(&q.Correlation, "correlation", "the event's correlationid")
	f.StringVar(&q.Since, "since", "", "time from which on: 2026-01-31, 2026-01-31T08:00:00Z or -1h (ago)")
	f.StringVar(&q.Until, "until", "", "time before which")
}
