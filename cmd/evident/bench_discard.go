package main

import (
	"strconv"

	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/bench"
	"github.com/evidentlog/evident/internal/tool"
)

// newBenchDiscard is what "bench produce --reference" starts.
func newBenchDiscard(c *cli) *cobra.Command {
	return &cobra.Command{
		Use:    "discard PARTITIONS",
		Short:  "Run a server that throws all records away, until standard input ends",
		Hidden: true,
		Args:   arguments(1, 1, "a number of partitions"),
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := strconv.ParseInt(args[0], 10, 32)
			if err != nil || n < 1 {
				return tool.Usagef("%q is no number of partitions: write one of at least 1", args[0])
			}
			return bench.RunDiscard(cmd.Context(), int32(n), c.in, c.out)
		},
	}
}
