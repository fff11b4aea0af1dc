package main

import (
	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/config"
	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/produce"
)

func newProduce(c *cli) *cobra.Command {
	var p produce.Produce
	var key string
	cmd := &cobra.Command{
		Use:     "produce TOPIC [FILE...]",
		Aliases: []string{"pub"},
		Short:   "Produce records from lines or JSON",
		Long: `Produce a record from each line of the files, or of standard input.

As lines (the default), a line is a value, or a key and a value with the
--key-delimiter between them. As JSON, it is an object such as "evident consume
-f json" prints, all of whose fields may be left out:

  {"key":"k","value":"v","headers":[{"key":"h","value":"1"}],"timestamp":1769846400000}

A value that is not a string is produced as the JSON that it is; bytes that are
no text stand in key_base64 and value_base64; null is no key, or a tombstone.`,
		Example: examples(
			"echo hello | evident produce greetings",
			"evident produce orders orders.ndjson -f json -z zstd",
			"evident produce customers -K : customers.txt",
			"echo tick | evident produce load --count 10000 --repeat --rate 500",
			"evident consume orders -e -f json | evident produce orders-copy -f json",
		),
		Args: arguments(1, -1, "the name of a topic"),
		RunE: c.runs(func(cmd *cobra.Command, env tool.Env, args []string) error {
			if cmd.Flags().Changed("key") {
				p.Key = &key
			}
			return p.Run(cmd.Context(), env, args[0], args[1:])
		}),
		ValidArgsFunction: c.completesFirst(topicNames),
	}
	f := cmd.Flags()
	f.StringVarP(&p.Format, "format", "f", "lines", "lines or json")
	f.StringVarP(&p.KeyDelimiter, "key-delimiter", "K", "", "what separates key and value in a line")
	f.StringVarP(&key, "key", "k", "", "key of records that bring none")
	f.StringArrayVarP(&p.Headers, "header", "H", nil, "header of every record as key=value; may be repeated")
	f.Int32VarP(&p.Partition, "partition", "p", -1, "partition of all records; -1 leaves it to the key")
	f.StringVarP(&p.Compression, "compression", "z", "none", "none, gzip, snappy, lz4 or zstd")
	f.StringVar(&p.Acks, "acks", "all", "what to wait for: all (on disk), 1 (written) or 0 (nothing)")
	f.Int64VarP(&p.Count, "count", "n", 0, "how many records at most; 0 is as many as there are")
	f.BoolVar(&p.Repeat, "repeat", false, "start over at the end of the input, until --count")
	f.Float64Var(&p.Rate, "rate", 0, "how many records a second at most; 0 is no limit")
	f.BoolVarP(&p.Tombstone, "tombstone", "Z", false, "make empty values null")
	f.BoolVar(&p.CreateTopic, "create-topic", false, "let the node create the topic if there is none of that name")
	config.ClientFlags(f)
	outputFlag(cmd)
	return cmd
}
