// Package demo is the product's main job on real input: it turns a real day of
// retail orders into events, and runs the services of an order system on them.
//
// Rows of order data become CloudEvents (one invoice, one event), which are
// produced to Kafka topics. Services react to events with events, without calling
// one another:
//
//	orders ─┬─> payment ──────> payments ──┬─> shipping ─> shipping ─┐
//	        ├─> inventory <──── payments   │                         │
//	        │     └───────────> inventory ─┤                         │
//	        ├─> order-management <─────────┴─────────────────────────┘
//	        │     └─> order-status ─┬─> notification ─> notifications
//	        │                       └─> order-state (read over HTTP)
//	        └─> screening ─> suspicious-orders
//
// Those that remember something are processors, which the node runs; notification is
// a handler of package client. Neither has anything of its own for repetitions or
// crashes: each event has its effect once, whatever is killed meanwhile.
//
// The package is a Kafka client and nothing else: who runs the node hands in a
// function that starts it. It is not a load generator; what it measures is the
// way of an order through the whole system.
package demo

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/process"
	"github.com/evidentlog/evident/proof"
)

// Config configures a run. StartNode must be set.
type Config struct {
	// Data is the folder of the node, which is kept. Default (""): a temporary
	// one, which is removed.
	Data string
	// Orders is a file of order rows, .csv or .csv.zst. Default (""): the real
	// day that is shipped with the demo.
	Orders string
	// Speed is how many times faster than it really was the orders are placed.
	// Default (0): as fast as possible.
	Speed float64
	// Kills is how often the node is killed while orders are under way. The numbers of
	// the report are the same. The cluster must have Kill.
	Kills int
	// Stay keeps node and services running after the report until ctx ends.
	Stay bool
	// JSON writes the report as JSON instead of as a table.
	JSON bool
	// Out receives the report. Default (nil): nobody.
	Out io.Writer
	// Progress, if set, is called now and then from the goroutine that calls Run.
	Progress func(Progress)
	// StallTimeout is how long the order system may stand still with work left
	// before Run gives up. Default: 30 s.
	StallTimeout time.Duration
	// StartNode starts a node on a data folder and returns once it accepts
	// connections. The context it gets lives until the run is over, or ends
	// early if the run is cancelled while the node still starts.
	StartNode func(ctx context.Context, data string) (Cluster, error)
}

// Cluster is a running node, or any other Kafka cluster, as the demo needs it.
type Cluster struct {
	// Options connect a Kafka client to it.
	Options []kgo.Opt
	// Shared says that others use the cluster as well: a run that would write
	// into a topic of theirs ends with a *TakenError.
	Shared bool
	// Replicas is how many replicas the topics get. Default: what the cluster says.
	Replicas int16
	// Kafka and HTTP are host:port, to be shown to people. HTTP may be empty.
	Kafka, HTTP string
	// Prove, if set, makes the proof of a record, as soon as that can be done;
	// ProofKeys are whom it is signed by.
	Prove     func(ctx context.Context, topic string, partition int32, offset int64) (*proof.File, error)
	ProofKeys []*proof.Verifier
	// Process runs a processor until ctx ends. Nil: the node runs [Processors] by itself.
	Process func(context.Context, process.Processor) error
	// Kill kills the node without warning and starts it again. It may be nil if no kills
	// are asked for.
	Kill func(context.Context) error
	// Failed, if set, receives why the node stopped by itself.
	Failed <-chan error
	// Stop, if set, stops the node and returns when it has stopped.
	Stop func() error
}

// Progress is how far a run is.
type Progress struct {
	Rows     int // read
	Orders   int // orders and cancellations sent
	Finished int // of these, with a final status
}

// Run starts a node, takes the orders through the services, writes the report
// to cfg.Out and returns it. With cfg.Stay it then waits for ctx. It returns a
// *StallError if orders do not reach a final status, and a *SumError if the
// numbers of the report do not add up.
func Run(ctx context.Context, cfg Config) (_ Report, err error) {
	if math.IsNaN(cfg.Speed) || cfg.Speed < 0 || math.IsInf(cfg.Speed, 0) {
		return Report{}, fmt.Errorf("speed %v: must be 0 (as fast as possible) or more", cfg.Speed)
	}
	if cfg.StallTimeout == 0 {
		cfg.StallTimeout = 30 * time.Second
	}
	orders, err := openOrders(cfg.Orders) // before anything is started: it may not be there
	if err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, orders.close()) }()
	data, remove, err := dataFolder(cfg.Data)
	if err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	cluster, stop, err := startNode(ctx, cfg, data)
	if err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	return runOn(ctx, cfg, cluster, orders)
}

// dataFolder returns the folder for the node and how to be rid of it.
func dataFolder(data string) (string, func() error, error) {
	if data != "" {
		return data, func() error { return nil }, nil
	}
	temporary, err := os.MkdirTemp("", "evident-demo-")
	if err != nil {
		return "", nil, fmt.Errorf("temporary data folder: %w", err)
	}
	return temporary, func() error { return os.RemoveAll(temporary) }, nil
}

// startNode starts the node under a context that outlives ctx, so that the
// services can leave their groups before the node stops.
func startNode(ctx context.Context, cfg Config, data string) (Cluster, func() error, error) {
	nodeCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	starting := context.AfterFunc(ctx, cancel)
	cluster, err := cfg.StartNode(nodeCtx, data)
	starting()
	if err != nil {
		cancel()
		return Cluster{}, nil, fmt.Errorf("start a node: %w", err)
	}
	return cluster, func() error {
		defer cancel()
		if cluster.Stop == nil {
			return nil
		}
		return cluster.Stop()
	}, nil
}

// runOn runs the order system on a cluster. Everything it starts has ended
// when it returns.
func runOn(ctx context.Context, cfg Config, cluster Cluster, orders *orders) (Report, error) {
	if cluster.Shared {
		if err := checkShared(ctx, cluster); err != nil {
			return Report{}, err
		}
	}
	system, err := newSystem(ctx, cluster)
	if err != nil {
		return Report{}, err
	}
	defer system.close()
	ctx, fail := context.WithCancelCause(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer fail(nil)
	start := func(f func(context.Context) error) {
		running.Go(func() {
			if err := f(ctx); err != nil {
				fail(err)
			}
		})
	}
	if cluster.Process != nil {
		for _, p := range Processors() {
			start(func(ctx context.Context) error { return cluster.Process(ctx, p) })
		}
	}
	start(system.notices.Run)
	start(system.observer.watch)
	start(cluster.watch)

	report, err := system.process(ctx, cfg, cluster, orders)
	if err != nil {
		return Report{}, cmp.Or(causeOf(ctx), err)
	}
	report.Kafka, report.HTTP, report.Data, report.shared = cluster.Kafka, cluster.HTTP, cfg.Data, cluster.Shared
	if cluster.Prove != nil && report.FirstOrder != "" {
		if report.Proof, err = cluster.prove(ctx, report.FirstOrder); err != nil {
			return report, cmp.Or(causeOf(ctx), err)
		}
	}
	if err := report.write(cfg); err != nil {
		return report, err
	}
	if cfg.Stay {
		<-ctx.Done()
		return report, causeOf(ctx)
	}
	return report, nil
}

// causeOf returns why ctx was cancelled if that was a failure, not a wish.
func causeOf(ctx context.Context) error {
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) && !errors.Is(cause, context.DeadlineExceeded) {
		return cause
	}
	return nil
}

var errNoReason = errors.New("it gave no reason")

// watch waits for the node to stop by itself.
func (c Cluster) watch(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-c.Failed:
		return fmt.Errorf("the node stopped: %w", cmp.Or(err, errNoReason))
	}
}

// write writes the report to cfg.Out in the form asked for.
func (r *Report) write(cfg Config) error {
	if cfg.Out == nil {
		return nil
	}
	if cfg.JSON {
		encoder := json.NewEncoder(cfg.Out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(r)
	}
	if err := r.WriteTable(cfg.Out); err != nil {
		return err
	}
	return r.writeNext(cfg.Out, cfg.Stay)
}
