package main

import (
	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/config"
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
services that react to events with events; orders have a state that can be asked for,
and suspicious ones are flagged. A report of what happened ends it.

With --kill the node is killed so often while orders are under way (kill -9), and
started again: the numbers of the report are the same.

With --kafka it runs on that Kafka cluster, on topics and consumer groups which
stay there. It refuses to write into topics that are not its own.

If a terminal looks on, the node stays up to be explored until Ctrl-C.`,
		Example: examples(
			"evident demo",
			"evident demo --kill 10",
			"evident demo --exit -o json",
			"evident demo --orders year.csv.zst --data ./demo-data",
			"evident demo --speed 3600",
			"evident demo --kafka broker-1:9092,broker-2:9092 --replication-factor 3",
		),
		Args: arguments(0, 0, "no arguments"),
		RunE: c.runs(func(cmd *cobra.Command, env tool.Env, _ []string) error {
			var err error
			if d.Cluster, err = config.LoadCluster(cmd.Flags(), c.environ); err != nil {
				return &tool.UsageError{Err: err}
			}
			for _, name := range []string{"data", "listen-kafka"} {
				if d.Cluster.Cluster != nil && cmd.Flags().Changed(name) {
					return tool.Usagef("--%s is for a node with a broker of its own, and --kafka names another: leave out one of them", name)
				}
			}
			if d.Cluster.Cluster != nil && d.Kills > 0 {
				return tool.Usagef("--kill is for a node with a broker of its own, and --kafka names another: leave out one of them")
			}
			d.Exit = d.Exit || !c.outIsTerminal
			return d.Run(cmd.Context(), env)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&d.Data, "data", "", "folder of the node, which is kept (default: a temporary one)")
	f.StringVar(&d.Orders, "orders", "", "file of order rows, .csv or .csv.zst (default: a day that comes with the demo)")
	f.Float64Var(&d.Speed, "speed", 0, "times faster than it was; 0 is as fast as possible")
	f.IntVar(&d.Kills, "kill", 0, "how often the node is killed while orders are under way")
	f.BoolVar(&d.Exit, "exit", false, "end after the report, also on a terminal")
	f.StringVar(&d.Kafka, "listen-kafka", node.DefaultKafkaAddress, "address of the Kafka protocol; a free port if it is taken")
	f.StringVar(&d.HTTP, "listen-http", node.DefaultHTTPAddress, "address of HTTP; a free port if it is taken")
	config.ClusterFlags(f)
	outputFlag(cmd)
	cmd.AddCommand(newDemoNode(c))
	return cmd
}

// newDemoNode is the process that a demo kills. Nobody types it.
func newDemoNode(c *cli) *cobra.Command {
	var n demonstrate.Node
	cmd := &cobra.Command{
		Use: "node", Hidden: true, Args: arguments(0, 0, "no arguments"),
		Short: "Run the node of a demo until standard input ends",
		RunE:  c.runs(func(cmd *cobra.Command, env tool.Env, _ []string) error { return n.Run(cmd.Context(), env) }),
	}
	f := cmd.Flags()
	f.StringVar(&n.Data, "data", "", "folder of the node")
	f.StringVar(&n.Kafka, "listen-kafka", node.DefaultKafkaAddress, "address of the Kafka protocol")
	f.StringVar(&n.HTTP, "listen-http", node.DefaultHTTPAddress, "address of HTTP")
	return cmd
}
