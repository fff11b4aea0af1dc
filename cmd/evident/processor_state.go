package main

import (
	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/processor"
)

func newProcessorState(c *cli) *cobra.Command {
	var state processor.State
	cmd := &cobra.Command{
		Use:   "state PROCESSOR [KEY]",
		Short: "Read a processor's state",
		Long: `Print the value that a key has in a processor's state, or a range of the keys of one
task. Any node passes the request on to the one that has it. The task is the partition
of the inputs that Kafka's default partitioner gives the key, unless --partition says it.`,
		Example: examples(
			"evident processor state suspicious customer-17",
			"evident processor state suspicious --partition 0 --from customer-1 --limit 20",
			"evident processor state suspicious customer-17 --stale",
		),
		Args: arguments(1, 2, "the name of a processor, and a key"),
		RunE: c.runs(func(cmd *cobra.Command, env tool.Env, args []string) error {
			return state.Run(cmd.Context(), env, args)
		}),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	f := cmd.Flags()
	f.StringVar(&state.Store, "store", "", "which store, if the processor has several")
	f.IntVar(&state.Version, "version", 0, "which version; the active one if it is not given")
	f.Int32Var(&state.Partition, "partition", -1, "which task; by the key if it is not given")
	f.BoolVar(&state.Stale, "stale", false, "a standby's copy will do, which may be behind, while the task moves")
	f.StringVar(&state.From, "from", "", "the first key of a range")
	f.StringVar(&state.To, "to", "", "the key before which a range ends")
	f.IntVar(&state.Limit, "limit", 0, "how many keys of a range; 100 if it is not given")
	serverFlags(cmd, &state.Server, false)
	readingTokenFlag(f, &state.TokenFile)
	outputFlag(cmd)
	return cmd
}
