package provable

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/evidentlog/evident/internal/bench"
)

// The parts of a run.
const (
	Leaves     = "leaves"     // what a record costs the ledger
	Proofs     = "proofs"     // what a proof costs, by size of the log
	Produce    = "produce"    // what producers lose by the ledger
	Lag        = "lag"        // how far it lags behind at a rate
	Partitions = "partitions" // what many idle partitions cost a node
)

// Parts are all parts, in the order in which they are run.
func Parts() []string { return []string{Leaves, Proofs, Produce, Lag, Partitions} }

// Config says what [Run] does. The zero value of each field but Dir is its
// default.
type Config struct {
	// Dir is a folder on the disk that is measured. What is made in it is
	// removed at the end.
	Dir string
	// Parts are what is measured. Default: all.
	Parts []string
	// Sizes are the lengths of records' values in bytes. Default: 100 and 1024.
	Sizes []int
	// Logs are the sizes of logs that proofs are made from, in records of 100
	// bytes. A record takes 67 bytes of disk. Default: 10^4 to 10^6.
	Logs []int64
	// Count is how many proofs are made from each log, and a twentieth of it from
	// disk. Default: 2000.
	Count int
	// Duration is how long a round lasts. Default: 5 s.
	Duration time.Duration
	// Rounds is how often each thing is measured, in turns where two are
	// compared. Default: 3.
	Rounds int
	// Rate is how many records of LagSize bytes are produced a second to measure
	// lag. Default: 200,000 of 1024.
	Rate    int
	LagSize int
	// Many is how many partitions get a record a second each. Default: 1000.
	Many int
	// Program starts a node: it is called as `evident` is. Default: this program.
	Program string
	// Progress, if not nil, is told what begins.
	Progress func(bench.Progress)
}

func (c Config) withDefaults() (Config, error) {
	if len(c.Parts) == 0 {
		c.Parts = Parts()
	}
	if len(c.Sizes) == 0 {
		c.Sizes = []int{100, 1024}
	}
	if len(c.Logs) == 0 {
		c.Logs = []int64{10_000, 100_000, 1_000_000}
	}
	setDefault(&c.Duration, 5*time.Second)
	setDefault(&c.Count, 2000)
	setDefault(&c.Rounds, 3)
	setDefault(&c.Rate, 200_000)
	setDefault(&c.LagSize, 1024)
	setDefault(&c.Many, 1000)
	for _, p := range c.Parts {
		if !slices.Contains(Parts(), p) {
			return c, fmt.Errorf("%w: there is no part %q: the parts are %q", bench.ErrConfig, p, Parts())
		}
	}
	if c.Dir == "" {
		return c, fmt.Errorf("%w: a folder on the disk that is measured is needed", bench.ErrConfig)
	}
	if slices.Min(c.Sizes) < 0 || slices.Min(c.Logs) < 1 || c.Duration < 0 || min(c.Count, c.Rounds, c.Rate, c.LagSize, c.Many) < 0 {
		return c, fmt.Errorf("%w: sizes, counts and times must not be negative, nor logs empty", bench.ErrConfig)
	}
	slices.Sort(c.Logs)
	var err error
	if c.Program == "" {
		c.Program, err = os.Executable()
	}
	return c, err
}

// setDefault gives *v the value d if it is zero.
func setDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// Run measures the parts that cfg has, one after the other.
func Run(ctx context.Context, cfg Config) (res *Result, err error) {
	if cfg, err = cfg.withDefaults(); err != nil {
		return nil, err
	}
	r := &run{cfg: cfg, res: &Result{}}
	if r.dir, err = os.MkdirTemp(cfg.Dir, "evident-bench-ledger-"); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(r.dir)) }()
	parts := map[string]func(context.Context) error{
		Leaves: r.leaves, Proofs: r.proofs, Produce: r.produce, Lag: r.lag, Partitions: r.partitions,
	}
	for _, name := range Parts() {
		if !slices.Contains(cfg.Parts, name) {
			continue
		}
		if err := parts[name](ctx); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return r.res, nil
}

// A run is one call of Run.
type run struct {
	cfg Config
	dir string
	res *Result
}

// tell reports what begins.
func (r *run) tell(phase string, round int) {
	if r.cfg.Progress != nil {
		r.cfg.Progress(bench.Progress{Phase: phase, Round: round, Rounds: r.cfg.Rounds})
	}
}

// inFolder calls do with a new folder, and removes it.
func (r *run) inFolder(do func(dir string) error) (err error) {
	dir, err := os.MkdirTemp(r.dir, "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	return do(dir)
}
