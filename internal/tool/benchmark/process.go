package benchmark

import (
	"context"

	"github.com/evidentlog/evident/internal/bench"
	"github.com/evidentlog/evident/internal/bench/processing"
	"github.com/evidentlog/evident/internal/tool"
)

// RunProcess measures processors and prints the result.
func RunProcess(ctx context.Context, env tool.Env, cfg processing.Config) error {
	return alone(env, func(begins func(bench.Progress)) (*processing.Result, error) {
		cfg.Progress = begins
		return processing.Run(ctx, cfg)
	})
}

// RunDedup measures de-duplication and prints the result.
func RunDedup(ctx context.Context, env tool.Env, cfg processing.DedupConfig) error {
	return alone(env, func(begins func(bench.Progress)) (*processing.DedupResult, error) {
		cfg.Progress = begins
		return processing.RunDedup(ctx, cfg)
	})
}
