package benchmark

import (
	"context"
	"errors"

	"github.com/evidentlog/evident/internal/bench"
	"github.com/evidentlog/evident/internal/bench/processing"
	"github.com/evidentlog/evident/internal/tool"
)

// RunProcess measures processors and prints the result.
func RunProcess(ctx context.Context, env tool.Env, cfg processing.Config) error {
	meter := &meter{w: env.Err}
	if env.Progress {
		cfg.Progress = meter.begins
	}
	result, err := processing.Run(ctx, cfg)
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
