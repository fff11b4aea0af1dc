package main

import (
	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/config"
	"github.com/evidentlog/evident/internal/tool/benchmark"
	"github.com/evidentlog/evident/node"
)

func newBench(c *cli) *cobra.Command {
	var n benchmark.Node
	cmd := parent("bench", "Measure how fast a node produces, consumes and commits, and its latency")
	cmd.Long = `Measure a node, or any Kafka cluster, from a client's side. Client and node
share the machine if they run on one, so compare ratios within a run, not rates
between machines.`
	f := cmd.PersistentFlags()
	f.StringVar(&n.MetricsURL, "metrics-url", "http://"+node.DefaultHTTPAddress+"/metrics", "page that tells the node's CPU time")
	f.IntVar(&n.PID, "pid", 0, "the node's process on this machine, whose CPU time is read if there is no such page")
	config.ClientFlags(f)
	outputFlag(cmd)
	cmd.AddCommand(newBenchProduce(c, &n), newBenchConsume(c, &n), newBenchLatency(c, &n), newBenchTransactions(c, &n), newBenchLedger(c), newBenchProcess(c, &n),
		newBenchDedup(c), newBenchGateway(c, &n), newBenchProcessChild(c), newBenchDiscard(c))
	return cmd
}
