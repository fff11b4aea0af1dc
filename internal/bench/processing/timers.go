package processing

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/evidentlog/evident/internal/bench"
)

// Firing is one round of many timers that wait and then fire.
type Firing struct {
	Timers int64 `json:"timers"`
	// Set is how many were set a second.
	Set float64 `json:"set_per_second"`
	// Waiting is how much memory, in MiB, the process has when all are set, and Grown
	// how much of that it did not have before.
	Waiting float64 `json:"memory_mib"`
	Grown   float64 `json:"memory_grown_mib"`
	// Rate is how many were due a second.
	Rate int `json:"due_per_second"`
	// Late is the time from when a timer is due until its code is called.
	Late bench.Latency `json:"late"`
}

// errTimers says that timers could not be measured.
var errTimers = errors.New("timers not measured")

// setRate is how many timers a second are surely set before the first is due.
const setRate = 30_000

func (r *run) timers(ctx context.Context, round int) error {
	return r.withChild(ctx, func(c *child) error {
		j := job{Name: r.name(Timers, round), FireRate: r.cfg.FireRate}
		j.Input, j.Output = j.Name+"-in", j.Name+"-out"
		if err := c.create(ctx, r.cfg.Partitions, j.Input, j.Output); err != nil {
			return err
		}
		if err := c.fill(ctx, j.Input, filler{records: r.cfg.Timers, size: stampLen}); err != nil {
			return err
		}
		before := c.resident()
		due := time.Now().Add(time.Duration(r.cfg.Timers/setRate+5) * time.Second)
		j.Base = due.UnixMilli()
		if err := c.process(Timers, j); err != nil {
			return err
		}
		set, err := c.rate(ctx, j, r.cfg.Timers)
		if err != nil {
			return err
		}
		if time.Now().After(due) {
			return fmt.Errorf("%w: %d were to be set in %d s, before the first is due, and took longer (%.0f a second)",
				errTimers, r.cfg.Timers, r.cfg.Timers/setRate+5, set.RecordsPerSecond)
		}
		f := Firing{Timers: r.cfg.Timers, Set: set.RecordsPerSecond, Rate: r.cfg.FireRate, Waiting: c.resident()}
		f.Grown = f.Waiting - before
		f.Late, err = r.fired(ctx, c, due)
		r.res.Timers = append(r.res.Timers, f)
		return err
	})
}

// fired waits until all timers have fired, and tells how late they were.
func (r *run) fired(ctx context.Context, c *child, due time.Time) (bench.Latency, error) {
	end := due.Add(time.Duration(float64(r.cfg.Timers)/float64(r.cfg.FireRate)*float64(time.Second)) + patience)
	for {
		a, err := c.say(request{})
		if err != nil || a.Fired >= r.cfg.Timers {
			return a.Late, err
		}
		if time.Now().After(end) {
			return a.Late, fmt.Errorf("%w: %d of %d have fired, %s after the last was due", errTimers, a.Fired, r.cfg.Timers, patience)
		}
		select {
		case <-ctx.Done():
			return a.Late, ctx.Err()
		case <-time.After(lookEvery):
		}
	}
}
