// Package demonstrate gives internal/demo a node to run on, as "evident demo"
// does.
package demonstrate

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/config"
	"github.com/evidentlog/evident/internal/demo"
	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/node"
)

// Demo is "evident demo". Its fields are flags.
type Demo struct {
	// Data is the node's folder, which is kept; "" is a temporary one.
	Data string
	// Orders is a file of order rows; "" is the day that comes with the demo.
	Orders string
	// Speed is how many times faster than it was; 0 is as fast as possible.
	Speed float64
	// Kills is how often the node, in a process of its own then, is killed meanwhile.
	Kills int
	// Exit ends the demo after the report. Otherwise it stays until ctx ends.
	Exit bool
	// Kafka and HTTP are where the node listens, or on a free port if that is
	// taken.
	Kafka, HTTP string
	// Cluster is a Kafka cluster to run on instead of the node's own broker; with
	// it, Data and Kafka do not matter.
	Cluster config.Cluster
}

// ledgerOrigin names the demo in its proofs. Names that end in .example are
// nobody's (RFC 2606).
const ledgerOrigin = "demo.evident.example/orders"

// clusterPatience is how long somebody who looks on waits for a cluster.
const clusterPatience = 15 * time.Second

// Run runs the demo on a node of its own.
func (d Demo) Run(ctx context.Context, env tool.Env) error {
	if !(d.Speed >= 0) || math.IsInf(d.Speed, 0) {
		return tool.Usagef("--speed %v: write 0 (as fast as possible) or more", d.Speed)
	}
	if d.Kills < 0 {
		return tool.Usagef("--kill %d: write 0 or more", d.Kills)
	}
	cfg := demo.Config{
		Data: d.Data, Orders: d.Orders, Speed: d.Speed, Kills: d.Kills, Stay: !d.Exit, JSON: env.JSON, Out: env.Out,
		StartNode: func(ctx context.Context, data string) (demo.Cluster, error) {
			if d.Kills > 0 {
				return d.startChild(ctx, env.Err, data)
			}
			return d.start(ctx, env.Err, data)
		},
	}
	if env.Progress {
		cfg.Progress = func(p demo.Progress) {
			if p.Finished > 0 && p.Finished == p.Orders {
				fmt.Fprint(env.Err, "\r\x1b[K")
				return
			}
			fmt.Fprintf(env.Err, "\r%d rows read, %d orders sent, %d finished\x1b[K", p.Rows, p.Orders, p.Finished)
		}
	}
	_, err := demo.Run(ctx, cfg)
	if err != nil && env.Progress {
		fmt.Fprint(env.Err, "\r\x1b[K")
	}
	return err
}

// start starts the node. Only errors are logged, since the report is what should be
// seen: processors begin before their topics are there, and say so. Services start one after another here, and nobody waits for
// more members of their groups.
func (d Demo) start(ctx context.Context, stderr io.Writer, data string) (demo.Cluster, error) {
	cfg := node.Config{
		Data:       data,
		HTTP:       []node.Listener{freeListener("http", d.HTTP)},
		Logger:     slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelError})),
		Processors: demo.Processors(),
	}
	if d.Cluster.Cluster != nil {
		return d.startOnCluster(ctx, cfg)
	}
	cfg.Kafka = []node.Listener{freeListener("kafka", d.Kafka)}
	cfg.GroupInitialRebalanceDelay = -1
	cfg.LedgerOrigin = ledgerOrigin
	n, err := node.Start(ctx, cfg)
	if err != nil {
		return demo.Cluster{}, err
	}
	kafka := n.Addresses().Kafka["kafka"]
	return demo.Cluster{
		Options:   []kgo.Opt{kgo.SeedBrokers(kafka)},
		Kafka:     kafka,
		HTTP:      n.Addresses().HTTP["http"],
		Prove:     n.Prove,
		ProofKeys: n.ProofKeys(),
		Failed:    n.Failed(),
		Stop:      n.Close,
	}, nil
}

// startOnCluster starts the node on a cluster that somebody else runs, and gives
// up if that does not answer for a while.
func (d Demo) startOnCluster(ctx context.Context, cfg node.Config) (demo.Cluster, error) {
	cfg.Cluster, cfg.ReplicationFactor = d.Cluster.Cluster, d.Cluster.ReplicationFactor
	patience, cancel := context.WithTimeout(ctx, clusterPatience)
	defer cancel()
	n, err := node.Start(patience, cfg)
	if err != nil {
		return demo.Cluster{}, err
	}
	return demo.Cluster{
		Options:  n.ClientOptions(),
		Shared:   true,
		Replicas: n.ReplicationFactor(),
		Kafka:    strings.Join(cfg.Cluster.Brokers, ","),
		HTTP:     n.Addresses().HTTP["http"],
		Failed:   n.Failed(),
		Stop:     n.Close,
	}, nil
}

// freeListener is a listener on address, or on a free port of the same host
// where that one is taken: the demo should start whatever else runs on the
// machine.
func freeListener(name, address string) node.Listener {
	if l, err := net.Listen("tcp", address); err == nil {
		_ = l.Close() // it was only tried
	} else if host, _, err := net.SplitHostPort(address); err == nil {
		address = net.JoinHostPort(host, "0")
	}
	return node.Listener{Name: name, Address: address}
}
