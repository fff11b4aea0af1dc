// Package benchmark connects "evident bench" to internal/bench, which does the
// measuring: it finds the node, shows progress and prints the result.
package benchmark

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/evidentlog/evident/internal/bench"
	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/progress"
)

// Node is where the CPU time of the measured node is read.
type Node struct {
	// MetricsURL is its metrics page.
	MetricsURL string
	// PID is its process, if it runs on this machine; 0 if it is not known.
	PID int
}

// Result is what a benchmark measured.
type Result interface {
	// WriteText writes it for people.
	WriteText(w io.Writer) error
}

// Run measures the cluster of env and prints the result.
func Run(ctx context.Context, env tool.Env, n Node, measure func(context.Context, bench.Target) (Result, error)) error {
	client, err := env.Connect(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	options, err := env.Options()
	if err != nil {
		return err
	}
	meter := &meter{w: env.Err}
	target := bench.Target{Client: options, CPU: bench.BrokerCPU(ctx, n.MetricsURL, n.PID)}
	if env.Progress {
		target.Progress = meter.show
	}
	result, err := measure(ctx, target)
	if env.Progress {
		meter.clear()
	}
	if errors.Is(err, bench.ErrConfig) {
		return &tool.UsageError{Err: err}
	}
	if err != nil {
		return client.Explain(ctx, err)
	}
	if env.JSON {
		return env.Print(result, nil)
	}
	return result.WriteText(env.Out)
}

// meter shows on one line of a terminal what is being measured.
type meter struct {
	mu sync.Mutex // benchmarks report from a goroutine of their own
	w  io.Writer
}

func (m *meter) show(p bench.Progress) {
	rate := 0.0
	if p.Elapsed > 0 {
		rate = float64(p.Records) / p.Elapsed.Seconds()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	fmt.Fprintf(m.w, "\r%s, round %d/%d: %s records  %s/s\x1b[K",
		p.Phase, p.Round, p.Rounds, progress.Short(float64(p.Records)), progress.Short(rate))
}

func (m *meter) clear() {
	m.mu.Lock()
	defer m.mu.Unlock()
	fmt.Fprint(m.w, "\r\x1b[K")
}

// begins shows what is being measured, for what counts no records.
func (m *meter) begins(p bench.Progress) {
	m.mu.Lock()
	defer m.mu.Unlock()
	fmt.Fprintf(m.w, "\r%s, round %d/%d\x1b[K", p.Phase, p.Round, p.Rounds)
}
