package processing

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"
)

// Access is one round of reading and writing keyed state.
type Access struct {
	Keys int64 `json:"keys"`
	// Calls is how many reads and writes there were, as many of the one as of the other.
	Calls int64 `json:"reads_and_writes"`
	// PerSecond is how many a second of time there were, PerCore how many a second of
	// the process's processor time, with changelog and commits.
	PerSecond float64 `json:"per_second"`
	PerCore   float64 `json:"per_core_second"`
}

// Restored is one round of making state again.
type Restored struct {
	Keys int64 `json:"keys"`
	// Seconds is the time from the start of the process, its state removed, until the
	// first new record was handled, and KeysPerSecond what follows from it.
	Seconds       float64 `json:"seconds"`
	KeysPerSecond float64 `json:"keys_per_second"`
	// Peak is the most memory that the process had, in MiB.
	Peak float64 `json:"peak_memory_mib"`
}

// callsOf is how many keys a record of the state's input reads and writes.
const callsOf = 100

// keysOf is how many keys a record writes when state is only filled.
const keysOf = 1000

func (r *run) state(ctx context.Context, round int) error {
	return r.withChild(ctx, func(c *child) error {
		groups := max(r.cfg.StateKeys/callsOf, 1)
		records := 4 * groups
		j, err := r.stateJob(ctx, c, State, round, filler{records: records, size: stampLen, keys: groups}, callsOf)
		if err != nil {
			return err
		}
		rate, err := c.rate(ctx, j, records)
		calls := 2 * callsOf * rate.Records
		a := Access{Keys: r.cfg.StateKeys, Calls: calls, PerSecond: rate.RecordsPerSecond * 2 * callsOf}
		if rate.CPU > 0 {
			a.PerCore = 2 * callsOf / (rate.CPU / 1e6)
		}
		r.res.State = append(r.res.State, a)
		return err
	})
}

// stateJob fills an input and starts a processor that reads and writes state.
func (r *run) stateJob(ctx context.Context, c *child, code string, round int, f filler, calls int64) (job, error) {
	j := job{Name: r.name(code, round), Calls: calls}
	j.Input = j.Name + "-in"
	if err := c.create(ctx, r.cfg.Partitions, j.Input); err != nil {
		return j, err
	}
	if err := c.fill(ctx, j.Input, f); err != nil {
		return j, err
	}
	return j, c.process(code, j)
}

// restore fills state, ends the child, removes the state and starts another child on
// the same log.
func (r *run) restore(ctx context.Context, round int) (err error) {
	dir, err := os.MkdirTemp(r.dir, "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	records := max(r.cfg.StateKeys/keysOf, 1)
	j, err := r.fillState(ctx, dir, round, records)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Join(dir, stateDir)); err != nil {
		return err
	}
	begin := time.Now()
	c, err := startChild(ctx, r.cfg.Program, setup{dir, r.cfg.Brokers, r.cfg.StateMemory})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	if err := c.process(Restore, j); err != nil {
		return err
	}
	return r.untilRestored(ctx, c, j, begin, records)
}

// fillState fills the state of a child that is ended afterwards.
func (r *run) fillState(ctx context.Context, dir string, round int, records int64) (j job, err error) {
	c, err := startChild(ctx, r.cfg.Program, setup{dir, r.cfg.Brokers, r.cfg.StateMemory})
	if err != nil {
		return j, err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	if j, err = r.stateJob(ctx, c, Restore, round, filler{records: records, size: stampLen}, keysOf); err != nil {
		return j, err
	}
	return j, c.watching(groupOf(j), j.Input, func(w *watch) error {
		_, err := w.await(ctx, records)
		return err
	})
}

// untilRestored sends each task records and waits until they are handled.
func (r *run) untilRestored(ctx context.Context, c *child, j job, begin time.Time, records int64) error {
	more := 100 * int64(r.cfg.Partitions) // some for each partition
	if err := c.fill(ctx, j.Input, filler{records: more, size: stampLen}); err != nil {
		return err
	}
	return c.watching(groupOf(j), j.Input, func(w *watch) error {
		end, err := w.await(ctx, records+more)
		took := end.at.Sub(begin).Seconds()
		r.res.Restore = append(r.res.Restore, Restored{
			Keys: r.cfg.StateKeys, Seconds: took, KeysPerSecond: float64(r.cfg.StateKeys) / took, Peak: c.peak(),
		})
		return err
	})
}
