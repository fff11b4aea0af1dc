package benchmark

import (
	"context"
	"errors"
	"os"

	"github.com/evidentlog/evident/internal/bench"
	"github.com/evidentlog/evident/internal/bench/provable"
	"github.com/evidentlog/evident/internal/tool"
)

// RunLedger measures the ledger, prints the result, and draws what proofs cost
// into the file plot unless that is empty.
func RunLedger(ctx context.Context, env tool.Env, cfg provable.Config, plot string) error {
	meter := &meter{w: env.Err}
	if env.Progress {
		cfg.Progress = meter.begins
	}
	result, err := provable.Run(ctx, cfg)
	if env.Progress {
		meter.clear()
	}
	if errors.Is(err, bench.ErrConfig) {
		return &tool.UsageError{Err: err}
	}
	if err == nil && plot != "" {
		err = os.WriteFile(plot, []byte(result.Plot()), 0o666)
	}
	if err != nil {
		return err
	}
	if env.JSON {
		return env.Print(result, nil)
	}
	return result.WriteText(env.Out)
}
