// Command worker is a node on somebody else's Kafka cluster that runs one processor, a
// recorder of its history, until it is told to end (SIGTERM) or killed. Its log is in
// stderr; when it serves, it says so in stdout.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/evidentlog/evident/internal/process/history"
	"github.com/evidentlog/evident/node"
)

func main() {
	var (
		brokers  = flag.String("kafka", "", "the cluster, host:port with commas between them")
		data     = flag.String("data", "", "the node's folder")
		web      = flag.String("http", "127.0.0.1:0", "where the node listens")
		name     = flag.String("processor", "recorder", "the processor's name; its topics begin with it")
		replicas = flag.Int("replicas", 1, "how many replicas changelogs and dead letters have")
		standbys = flag.Int("standbys", 0, "how many other nodes keep a copy of each task's state")
	)
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	err := node.Run(ctx, node.Config{
		Data: *data, Cluster: &node.Cluster{Brokers: strings.Split(*brokers, ",")}, ReplicationFactor: *replicas,
		HTTP:       []node.Listener{{Name: "http", Address: *web}},
		Processors: []node.Processor{recorder(*name, *data, *standbys)},
		Logger:     slog.New(slog.NewTextHandler(os.Stderr, nil)),
		Ready:      func(node.Addresses) { fmt.Println("ready") },
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "worker:", err)
		os.Exit(1)
	}
}

// recorder is the processor; what it does is noted as done by the node.
func recorder(name, by string, standbys int) node.Processor {
	return node.Processor{
		Name: name, Version: 1, Inputs: []string{name + "-in"}, Standbys: standbys,
		Stores: []node.StoreConfig{{Name: history.Store}}, Timers: true,
		New: func(t node.Task) node.Handler {
			return &history.Recorder{Task: t, Notes: name + "-notes", Outputs: name + "-out", By: by}
		},
	}
}
