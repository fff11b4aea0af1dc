package benchmark

import (
	"errors"
	"io"

	"github.com/evidentlog/evident/internal/bench"
	"github.com/evidentlog/evident/internal/tool"
)

// alone runs a benchmark that starts what it measures, and prints its result. The
// benchmark is given what to tell of its progress, nil if nobody wants to know.
func alone[R interface{ WriteText(io.Writer) error }](env tool.Env, measure func(begins func(bench.Progress)) (R, error)) error {
	meter := &meter{w: env.Err}
	var begins func(bench.Progress)
	if env.Progress {
		begins = meter.begins
	}
	result, err := measure(begins)
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
