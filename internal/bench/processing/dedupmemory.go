package processing

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"
)

// Remembered is what many ids cost.
type Remembered struct {
	IDs int64 `json:"ids"`
	// Filled is how many a second were added, with changelog and commits, and FilledCPU
	// how much processor time each of them took, in µs.
	Filled    float64 `json:"added_per_second"`
	FilledCPU float64 `json:"cpu_us_per_id"`
	// Disk is the state of the processor on disk, and Changelog its changelog, in MiB.
	Disk      float64 `json:"state_mib"`
	Changelog float64 `json:"broker_mib"`
	// Opened is a start with the state on disk, Restored one without, from the changelog.
	Opened   Started `json:"opened"`
	Restored Started `json:"restored"`
}

// A Started is a start of a process whose processor has many ids.
type Started struct {
	// Seconds is the time from the start of the process until each task has handled new
	// records.
	Seconds float64 `json:"seconds"`
	// Resident is how much memory, in MiB, the process has then, with its broker, and Peak
	// the most that it had.
	Resident float64 `json:"resident_mib"`
	Peak     float64 `json:"peak_memory_mib"`
}

// idsOf is how many ids a record of the input stands for while ids are added.
const idsOf = 1000

// memory adds ids, ends the child, and starts others on the same log.
func (r *dedupRun) memory(ctx context.Context, round int) (err error) {
	dir, err := os.MkdirTemp(r.dir, "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	j := job{Name: r.name(fillCode, round), Calls: idsOf, IDs: r.cfg.IDs}
	j.Input, j.Output = j.Name+"-in", j.Name+"-out"
	records := max(r.cfg.IDs/idsOf, 1)
	m := Remembered{IDs: records * idsOf}
	if err := r.remember(ctx, dir, j, records, &m); err != nil {
		return err
	}
	if m.Disk, err = folderSize(filepath.Join(dir, stateDir)); err != nil {
		return err
	}
	if m.Changelog, err = folderSize(filepath.Join(dir, "node")); err != nil {
		return err
	}
	if m.Opened, err = r.started(ctx, dir, j, &records); err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Join(dir, stateDir)); err != nil {
		return err
	}
	if m.Restored, err = r.started(ctx, dir, j, &records); err != nil {
		return err
	}
	r.res.Memory = append(r.res.Memory, m)
	return nil
}

// remember adds ids with a child that is ended afterwards.
func (r *dedupRun) remember(ctx context.Context, dir string, j job, records int64, m *Remembered) error {
	return r.on(ctx, dir, func(c *child) error {
		if err := c.create(ctx, r.run.cfg.Partitions, j.Input, j.Output); err != nil {
			return err
		}
		if err := c.fill(ctx, j.Input, filler{records: records, size: stampLen}); err != nil {
			return err
		}
		begin, err := c.cpu(ctx)
		if err != nil {
			return err
		}
		began := time.Now()
		if err := c.process(fillCode, j); err != nil {
			return err
		}
		return c.watching(groupOf(j), j.Input, func(w *watch) error {
			end, err := w.await(ctx, records)
			m.Filled = float64(m.IDs) / end.at.Sub(began).Seconds()
			m.FilledCPU = float64((end.cpu - begin).Microseconds()) / float64(m.IDs)
			return err
		})
	})
}

// started starts a child, and measures until it has handled some more records.
func (r *dedupRun) started(ctx context.Context, dir string, j job, records *int64) (s Started, err error) {
	begin := time.Now()
	err = r.on(ctx, dir, func(c *child) error {
		if err := c.process(dedupCode, j); err != nil {
			return err
		}
		more := 100 * int64(r.run.cfg.Partitions) // some for each partition
		if err := c.fill(ctx, j.Input, filler{records: more, size: stampLen}); err != nil {
			return err
		}
		*records += more
		return c.watching(groupOf(j), j.Input, func(w *watch) error {
			end, err := w.await(ctx, *records)
			s = Started{Seconds: end.at.Sub(begin).Seconds(), Resident: c.resident(), Peak: c.peak()}
			return err
		})
	})
	return s, err
}

// on calls do with a child on a folder, and ends it.
func (r *dedupRun) on(ctx context.Context, dir string, do func(*child) error) error {
	c, err := startChild(ctx, r.run.cfg.Program, setup{Dir: dir})
	if err != nil {
		return err
	}
	return errors.Join(do(c), c.stop())
}

// folderSize is how large the files below a folder are, in MiB.
func folderSize(dir string) (float64, error) {
	var size int64
	err := filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			size += info.Size()
		}
		return err
	})
	return float64(size) / (1 << 20), err
}
