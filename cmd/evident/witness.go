package main

import (
	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/ledger/witness"
	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/evidence"
)

func newWitness(c *cli) *cobra.Command {
	var w evidence.Witness
	cmd := &cobra.Command{
		Use:   "witness",
		Short: "Cosign checkpoints of logs, so that none of them can have two histories",
		Long: `Cosign checkpoints of logs that only grow (C2SP tlog-witness): the ledger of an
Evident node, or any other tiled log. A witness remembers the newest checkpoint
of each log that it has cosigned, and cosigns none that does not continue it. So
whoever asks for its cosignature sees the same history as everybody else, and
knows a time at which it existed.

--logs names a file with the verifier key of a log on each line, and behind the
key the log's origin where that is not the key's name; lines of one origin are
keys of one log, and any of them will do. Logs send checkpoints to the submission
prefix that is printed at the start; policies (evident verify --policy) have one
of the keys that are printed too. Keys are made at the first start.

The folder of --data is what a witness is worth: keep it, and never go back to an
older copy. The witness speaks plain HTTP; put a proxy with TLS before it.`,
		Example: examples(
			"evident witness --name witness.example.com/one --logs logs.txt --data /var/lib/evident-witness",
			"evident witness --name witness.example.com/one --logs logs.txt --listen 0.0.0.0:8091",
		),
		Args: arguments(0, 0, "no arguments"),
		RunE: c.runs(func(cmd *cobra.Command, env tool.Env, _ []string) error {
			return w.Run(cmd.Context(), env)
		}),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	f := cmd.Flags()
	f.StringVar(&w.Name, "name", "", "name of the witness in cosignatures, which must never change")
	f.StringVar(&w.Logs, "logs", "", "file with the verifier keys of the logs to cosign, one on each line")
	f.StringVar(&w.Data, "data", "evident-witness", "folder of the keys, and of what was cosigned")
	f.StringVar(&w.Listen, "listen", "127.0.0.1:8091", "address to listen on; port 0 takes a free one")
	f.DurationVar(&w.Interval, "interval", witness.DefaultInterval, "shortest time between two cosignatures of a log")
	return cmd
}
