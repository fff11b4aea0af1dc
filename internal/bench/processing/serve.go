package processing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/evidentlog/evident/internal/process"
	"github.com/evidentlog/evident/internal/process/state"
	"github.com/evidentlog/evident/node"
)

// stateDir is the folder in a child's that holds the state of processors.
const stateDir = "processors"

// RunChild is a child: a node that runs the processors that it is told to, on in and
// out, until in ends. [Run] starts it.
func RunChild(ctx context.Context, in io.Reader, out io.Writer) (err error) {
	from, to := json.NewDecoder(in), json.NewEncoder(out)
	var s setup
	if err := from.Decode(&s); err != nil {
		return fmt.Errorf("no setup: %w", err)
	}
	n, err := node.Start(ctx, configOf(s))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	h := &host{fired: &firing{}, memory: state.NewMemory(state.Share(s.StateMemory))}
	defer h.memory.Close()
	h.service, err = process.New(process.Config{
		Client: n.Client, ReplicationFactor: n.ReplicationFactor(), Dir: filepath.Join(s.Dir, stateDir), Instance: "bench", Memory: h.memory,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	a := answer{Brokers: s.Brokers}
	if len(a.Brokers) == 0 {
		a.Brokers = []string{n.Addresses().Kafka["kafka"]}
	}
	if err := to.Encode(a); err != nil {
		return err
	}
	return h.serve(ctx, from, to)
}

// configOf is the node of a child: its log has no ledger, which would be measured, too.
func configOf(s setup) node.Config {
	off := false
	cfg := node.Config{
		Data: filepath.Join(s.Dir, "node"), HTTP: []node.Listener{}, Ledger: &off,
		Kafka: []node.Listener{{Name: "kafka", Address: "127.0.0.1:0"}},
	}
	if len(s.Brokers) > 0 {
		cfg.Kafka = []node.Listener{}
		cfg.Cluster = &node.Cluster{Brokers: s.Brokers, Insecure: true}
	}
	return cfg
}

// A host runs the processors of a child.
type host struct {
	service *process.Service
	fired   *firing
	memory  *state.Memory // of all processors
	stops   []func() error
}

// serve answers requests until there are no more.
func (h *host) serve(ctx context.Context, from *json.Decoder, to *json.Encoder) error {
	for {
		var r request
		if err := from.Decode(&r); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("no request: %w", err)
		}
		a := h.fired.answer()
		if r.Run != "" {
			if err := h.process(ctx, r); err != nil {
				a.Error = err.Error()
			}
		}
		if err := to.Encode(a); err != nil {
			return err
		}
	}
}

// process runs a processor until the child ends.
func (h *host) process(ctx context.Context, r request) error {
	p, err := processorOf(r.Run, r.job, h.fired)
	if err != nil {
		return err
	}
	if err := p.Validate(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- h.service.Run(ctx, p) }() // close waits for it
	h.stops = append(h.stops, func() error {
		cancel()
		return <-ended
	})
	return nil
}

// close stops what runs.
func (h *host) close() error {
	var errs []error
	for _, stop := range h.stops {
		errs = append(errs, stop())
	}
	return errors.Join(errs...)
}
