package processing

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/evidentlog/evident/internal/bench"
	"github.com/evidentlog/evident/node"
)

// The parts of a run.
const (
	Identity = "identity" // records copied from topic to topic
	Count    = "count"    // records counted by key, and each count written
	Latency  = "latency"  // how long a record is under way at a rate
	Timers   = "timers"   // many timers waiting, and due at a rate
	State    = "state"    // reads and writes of keyed state
	Restore  = "restore"  // state made again from its changelog
)

// Parts are all parts, in the order in which they are run.
func Parts() []string { return []string{Identity, Count, Latency, Timers, State, Restore} }

// Config says what [Run] does. The zero value of each field is its default.
type Config struct {
	// Parts are what is measured. Default: all.
	Parts []string
	// Dir is a folder on the disk that is measured. What is made in it is removed at
	// the end. Default: the system's folder for temporary files.
	Dir string
	// Brokers are where a cluster is that somebody else runs, on which the runtime
	// alone is measured. Default: an embedded broker beside the runtime.
	Brokers []string
	// BrokerPID is the process of Brokers, if it runs on this machine: its processor
	// time and memory are then told, too.
	BrokerPID int
	// Input is a topic on Brokers that identity and count read. It is filled unless
	// it is there, and kept. Default: one of the run's own.
	Input string
	// Partitions is how many partitions topics have. Default: 4.
	Partitions int32
	// Records is how many records identity and count go through. Default: 4,000,000.
	Records int64
	// RecordSize is the length of each record's value in bytes, at least 8.
	// Default: 100.
	RecordSize int
	// Keys is how many keys the records have. Default: 100,000.
	Keys int64
	// Rounds is how often each part is measured. Default: 3.
	Rounds int
	// Rate is how many records a second there are for latency. Default: 5000.
	Rate int
	// Duration is how long latency is measured in a round. Default: 5 s.
	Duration time.Duration
	// Timers is how many timers are set, and FireRate how many of them are due a
	// second. Default: 1,000,000 and 50,000.
	Timers   int64
	FireRate int
	// StateKeys is how many keys state and restore have. Default: 1,000,000.
	StateKeys int64
	// StateMemory is about how many bytes the state may take in memory. Default: that of
	// a node.
	StateMemory int64
	// Program starts a child: it is called as `evident` is. Default: this program.
	Program []string
	// Progress, if not nil, is told what begins.
	Progress func(bench.Progress)
}

func (c Config) withDefaults() (Config, error) {
	if len(c.Parts) == 0 {
		c.Parts = Parts()
	}
	setDefault(&c.Dir, os.TempDir())
	setDefault(&c.Partitions, 4)
	setDefault(&c.Records, 4_000_000)
	setDefault(&c.RecordSize, 100)
	setDefault(&c.Keys, 100_000)
	setDefault(&c.Rounds, 3)
	setDefault(&c.Rate, 5000)
	setDefault(&c.Duration, 5*time.Second)
	setDefault(&c.Timers, 1_000_000)
	setDefault(&c.FireRate, 50_000)
	setDefault(&c.StateKeys, 1_000_000)
	setDefault(&c.StateMemory, node.DefaultStateMemory)
	for _, p := range c.Parts {
		if !slices.Contains(Parts(), p) {
			return c, fmt.Errorf("%w: there is no part %q: the parts are %q", bench.ErrConfig, p, Parts())
		}
	}
	numbers := []int64{int64(c.Partitions), c.Records, c.Keys, int64(c.Rounds), int64(c.Rate), int64(c.Duration), c.Timers, int64(c.FireRate), c.StateKeys, c.StateMemory}
	switch {
	case slices.Min(numbers) < 1:
		return c, fmt.Errorf("%w: counts, rates and times must be above 0", bench.ErrConfig)
	case c.RecordSize < stampLen:
		return c, fmt.Errorf("%w: values of %d bytes have no room for a number of %d", bench.ErrConfig, c.RecordSize, stampLen)
	case c.Input != "" && len(c.Brokers) == 0:
		return c, fmt.Errorf("%w: the topic %q can only be on a cluster: name its brokers", bench.ErrConfig, c.Input)
	}
	if len(c.Program) > 0 {
		return c, nil
	}
	self, err := os.Executable()
	c.Program = []string{self, "bench", "process-child"}
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
	r := &run{cfg: cfg, res: newResult(cfg)}
	if r.dir, err = os.MkdirTemp(cfg.Dir, "evident-bench-process-"); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(r.dir)) }()
	parts := map[string]func(context.Context, int) error{
		Identity: r.identity, Count: r.count, Latency: r.latency, Timers: r.timers, State: r.state, Restore: r.restore,
	}
	for _, name := range Parts() {
		if !slices.Contains(cfg.Parts, name) {
			continue
		}
		for round := range cfg.Rounds {
			r.tell(name, round+1)
			if err := parts[name](ctx, round+1); err != nil {
				return nil, fmt.Errorf("%s, round %d: %w", name, round+1, err)
			}
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

// withChild calls do with a child on a folder of its own, and ends it.
func (r *run) withChild(ctx context.Context, do func(*child) error) (err error) {
	dir, err := os.MkdirTemp(r.dir, "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	c, err := startChild(ctx, r.cfg.Program, setup{dir, r.cfg.Brokers, r.cfg.StateMemory})
	if err != nil {
		return err
	}
	c.broker = r.cfg.BrokerPID
	defer func() { err = errors.Join(err, c.stop()) }()
	return do(c)
}
