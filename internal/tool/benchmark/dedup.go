package benchmark

import (
	"context"
	"errors"

	"github.com/evidentlog/evident/internal/bench"
	"github.com/evidentlog/evident/internal/bench/processing"
	"github.com/evidentlog/evident/internal/tool"
)

// RunDedup measures de-duplication and prints the result.
func RunDedup(ctx context.Context, env tool.Env, cfg processing.DedupConfig) error {
	meter := &meter{w: env.Err}
	if env.Progress {
		cfg.Progress = meter.begins
	}
	result, err := processing.RunDedup(ctx, cfg)
	if env.Progress {
		meter.clear()
	}
	if errors.Is(err, bench.ErrConfig) {
		return &tool.UsageError{Err: err}
	}
	if err != nil {
		return err
	}
	if env.JSON {
		return env.Print(result, nil)
	}
	return result.WriteText(env.Out)
}
