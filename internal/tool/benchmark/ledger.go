package benchmark

import (
	"context"
	"os"

	"github.com/evidentlog/evident/internal/bench"
	"github.com/evidentlog/evident/internal/bench/provable"
	"github.com/evidentlog/evident/internal/tool"
)

// RunLedger measures the ledger, prints the result, and draws what proofs cost
// into the file plot unless that is empty.
func RunLedger(ctx context.Context, env tool.Env, cfg provable.Config, plot string) error {
	return alone(env, func(begins func(bench.Progress)) (*provable.Result, error) {
		cfg.Progress = begins
		result, err := provable.Run(ctx, cfg)
		if err == nil && plot != "" {
			err = os.WriteFile(plot, []byte(result.Plot()), 0o666)
		}
		return result, err
	})
}
