package processing

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/evidentlog/evident/internal/bench"
)

// The parts of a run of de-duplication.
const (
	Through = "through" // records from topic to topic, broker and runtime in one process
	Alone   = "alone"   // the same, with the broker in a process of its own
	Memory  = "memory"  // many ids, and the processor started again with them
)

// DedupParts are all parts, in the order in which they are run.
func DedupParts() []string { return []string{Through, Alone, Memory} }

// DedupConfig says what [RunDedup] does. The zero value of each field is its default.
type DedupConfig struct {
	// Parts are what is measured. Default: all.
	Parts []string
	// Dir is a folder on the disk that is measured. What is made in it is removed at
	// the end. Default: the system's folder for temporary files.
	Dir string
	// Partitions is how many partitions topics have. Default: 4.
	Partitions int32
	// Records is how many records go through. Default: 4,000,000.
	Records int64
	// RecordSize is the length of each record's value in bytes, at least 8. Default: 100.
	RecordSize int
	// Again says that one in so many records has an id that was seen. Default: 10.
	Again int64
	// IDs is how many ids are remembered for [Memory]. Default: 1,000,000.
	IDs int64
	// Rounds is how often through and alone are measured; memory once. Default: 3.
	Rounds int
	// Program starts a child: it is called as `evident` is. Default: this program.
	Program []string
	// Progress, if not nil, is told what begins.
	Progress func(bench.Progress)
}

// withDefaults gives the rest of the configuration as those of processors have it.
func (c DedupConfig) withDefaults() (DedupConfig, Config, error) {
	if len(c.Parts) == 0 {
		c.Parts = DedupParts()
	}
	setDefault(&c.Again, 10)
	setDefault(&c.IDs, 1_000_000)
	for _, p := range c.Parts {
		if !slices.Contains(DedupParts(), p) {
			return c, Config{}, fmt.Errorf("%w: there is no part %q: the parts are %q", bench.ErrConfig, p, DedupParts())
		}
	}
	if c.Again < 2 || c.IDs < 1 {
		return c, Config{}, fmt.Errorf("%w: one in %d records with an id that was seen, and %d ids: want 2 and 1 or more", bench.ErrConfig, c.Again, c.IDs)
	}
	rest, err := Config{
		Dir: c.Dir, Partitions: c.Partitions, Records: c.Records, RecordSize: c.RecordSize, Rounds: c.Rounds, Program: c.Program, Progress: c.Progress,
	}.withDefaults()
	return c, rest, err
}

// A dedupRun is one call of RunDedup.
type dedupRun struct {
	run
	cfg DedupConfig
	res *DedupResult
}

// RunDedup measures the parts of de-duplication that cfg has, one after the other.
func RunDedup(ctx context.Context, cfg DedupConfig) (res *DedupResult, err error) {
	cfg, rest, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	r := &dedupRun{run: run{cfg: rest}, cfg: cfg}
	r.res = &DedupResult{Partitions: rest.Partitions, RecordSize: rest.RecordSize, Again: cfg.Again}
	if r.dir, err = os.MkdirTemp(rest.Dir, "evident-bench-dedup-"); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(r.dir)) }()
	parts := map[string]func(context.Context, int) error{Through: r.through, Alone: r.alone, Memory: r.memory}
	rounds := map[string]int{Through: rest.Rounds, Alone: rest.Rounds, Memory: 1}
	for _, name := range DedupParts() {
		for round := range rounds[name] {
			if !slices.Contains(cfg.Parts, name) {
				continue
			}
			r.tell(name, round+1)
			if err := parts[name](ctx, round+1); err != nil {
				return nil, fmt.Errorf("%s, round %d: %w", name, round+1, err)
			}
		}
	}
	return r.res, nil
}

func (r *dedupRun) through(ctx context.Context, round int) error {
	return r.withChild(ctx, func(c *child) error {
		rate, err := r.pass(ctx, c, r.name(dedupCode, round))
		r.res.Through = append(r.res.Through, rate)
		return err
	})
}

// alone measures a process that has the runtime only.
func (r *dedupRun) alone(ctx context.Context, round int) error {
	return r.withChild(ctx, func(broker *child) error {
		on := run{cfg: r.run.cfg, dir: r.dir}
		on.cfg.Brokers, on.cfg.BrokerPID = broker.brokers, broker.cmd.Process.Pid
		return on.withChild(ctx, func(c *child) error {
			rate, err := r.pass(ctx, c, r.name(dedupCode+"-alone", round))
			r.res.Alone = append(r.res.Alone, rate)
			return err
		})
	})
}

// pass fills a topic and measures how it is gone through.
func (r *dedupRun) pass(ctx context.Context, c *child, name string) (rate Rate, err error) {
	cfg := r.run.cfg
	j := job{Name: name, Input: name + "-in", Output: name + "-out"}
	if err := c.create(ctx, cfg.Partitions, j.Input, j.Output); err != nil {
		return rate, err
	}
	if err := c.fill(ctx, j.Input, filler{records: cfg.Records, size: cfg.RecordSize, again: r.cfg.Again}); err != nil {
		return rate, err
	}
	c.forget()
	if err := c.process(dedupCode, j); err != nil {
		return rate, err
	}
	return c.rate(ctx, j, cfg.Records)
}
