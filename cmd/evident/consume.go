package main

import (
	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/config"
	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/consume"
)

func newConsume(c *cli) *cobra.Command {
	var consumer consume.Consume
	var json bool
	cmd := &cobra.Command{
		Use:     "consume TOPIC...",
		Aliases: []string{"sub"},
		Short:   "Print the records of topics",
		Long: `Print the records of topics, from the start and until Ctrl-C unless told
otherwise. In a group, offsets are committed once their records were printed.

Offsets:
  start, end        of each partition; also beginning, earliest, latest
  N, +N, -N         an offset; N records after the start; the last N
  @TIME             the first record since 2026-01-31, 2026-01-31T08:00:00Z,
                    1769846400000 (ms) or -1h (ago)

Formats:
  text              the value and a line break
  json              an object on a line; "evident produce -f json" reads it
  {{.Key}}          a Go template with .Topic .Partition .Offset .Timestamp .Key
                    .Value .Headers, .Header "name" and the function json;
                    a line break follows
  %k %v\n           a layout as in kcat and rpk: %t topic, %p partition, %o offset,
                    %d time in ms, %k key, %v or %s value, %h{%k=%v } headers`,
		Example: examples(
			"evident consume orders",
			"evident consume orders -o -5 -e",
			"evident consume orders -o @-1h -f json",
			"evident consume orders -g audit -n 100",
			`evident consume orders -f '%p/%o %k: %v\n'`,
			`evident consume orders -f '{{.Timestamp.Format "15:04:05"}} {{.Value}}'`,
		),
		Args: arguments(1, -1, "the names of topics"),
		RunE: c.runs(func(cmd *cobra.Command, env tool.Env, args []string) error {
			if json {
				consumer.Format = "json"
			}
			return consumer.Run(cmd.Context(), env, args)
		}),
		ValidArgsFunction: c.completes(-1, topicNames),
	}
	f := cmd.Flags()
	f.StringVarP(&consumer.Offset, "offset", "o", "start", "where to begin; in a group, where nothing is committed")
	f.Int32SliceVarP(&consumer.Partitions, "partition", "p", nil, "partitions to read, with commas between them (default all)")
	f.StringVarP(&consumer.Group, "group", "g", "", "consumer group to join")
	f.Int64VarP(&consumer.Count, "count", "n", 0, "how many records; 0 is no limit")
	f.BoolVarP(&consumer.StopAtEnd, "stop-at-end", "e", false, "end at what is the end of the topics now")
	f.StringVarP(&consumer.Format, "format", "f", "text", "text, json, a Go template or a %-layout")
	f.BoolVarP(&json, "json", "J", false, "the same as -f json")
	config.ClientFlags(f)
	return cmd
}
