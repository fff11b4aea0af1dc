package main

import (
	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/demonstrate"
	"github.com/evidentlog/evident/node"
)

func newDemo(c *cli) *cobra.Command {
	var d demonstrate.Demo
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "See a real order system run on a node",
		Long: `Start a node and run an order system on it: a real day of retail orders becomes
events, and payment, inventory, shipping, notification and order management are
services that react to events with events. A report of what happened ends it.

If a terminal looks on, the node stays up to be explored until Ctrl-C.`,
		Example: examples(
			"evident demo",
			"evident demo --exit -o json",
			"evident demo --orders year.csv.zst --data ./demo-data",
			"evident demo --speed 3600",
		),
		Args: arguments(0, 0, "no arguments"),
		RunE: c.runs(func(cmd *cobra.Command, env tool.Env, _ []string) error {
			d.Exit = d.Exit || !c.outIsTerminal
			return d.Run(cmd.Context(), env)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&d.Data, "data", "", "folder of the node, which is kept (default: a temporary one)")
	f.StringVar(&d.Orders, "orders", "", "file of order rows, .csv or .csv.zst (default: a day that comes with the demo)")
	f.Float64Var(&d.Speed, "speed", 0, "times faster than it was; 0 is as fast as possible")
	f.BoolVar(&d.Exit, "exit", false, "end after the report, also on a terminal")
	f.StringVar(&d.Kafka, "listen-kafka", node.DefaultKafkaAddress, "address of the Kafka protocol; a free port if it is taken")
	f.StringVar(&d.HTTP, "listen-http", node.DefaultHTTPAddress, "address of HTTP; a free port if it is taken")
	outputFlag(cmd)
	return cmd
}
