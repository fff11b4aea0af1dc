package processing

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/evidentlog/evident/internal/bench"
)

// Rate is one round of going through a topic that was filled before, from the first
// positions that are committed until all are.
type Rate struct {
	Records          int64   `json:"records"`
	Seconds          float64 `json:"seconds"`
	RecordsPerSecond float64 `json:"records_per_second"`
	// CPU is processor time of the process with the runtime, and an embedded broker, per
	// record, in µs; CPUWithBroker with that of another broker, too, if it is known.
	CPU           float64 `json:"cpu_us_per_record"`
	CPUWithBroker float64 `json:"cpu_with_broker_us_per_record"`
	// Peak is the most memory that the process had meanwhile, in MiB; PeakWithBroker
	// with the most that another broker had since it began.
	Peak           float64 `json:"peak_memory_mib"`
	PeakWithBroker float64 `json:"peak_memory_with_broker_mib"`
}

func (r *run) identity(ctx context.Context, round int) error {
	rate, err := r.through(ctx, Identity, round)
	r.res.Identity = append(r.res.Identity, rate)
	return err
}

func (r *run) count(ctx context.Context, round int) error {
	rate, err := r.through(ctx, Count, round)
	r.res.Count = append(r.res.Count, rate)
	return err
}

// through lets a processor go through the input on a child of its own.
func (r *run) through(ctx context.Context, code string, round int) (rate Rate, err error) {
	err = r.withChild(ctx, func(c *child) (err error) {
		input, err := r.input(ctx, c)
		if err != nil {
			return err
		}
		j := job{Name: r.name(code, round), Input: input}
		j.Output = j.Name + "-out"
		if err := c.create(ctx, r.cfg.Partitions, j.Output); err != nil {
			return err
		}
		if len(r.cfg.Brokers) > 0 { // otherwise the folder goes with the child
			defer func() { err = errors.Join(err, c.clear(ctx, j, r.cfg.Input == "")) }()
		}
		c.forget()
		if err := c.process(code, j); err != nil {
			return err
		}
		rate, err = c.rate(ctx, j, r.cfg.Records)
		return err
	})
	return rate, err
}

// name is a processor's name that no other run has.
func (r *run) name(code string, round int) string {
	return fmt.Sprintf("bench-%s-%d-%d", code, os.Getpid(), round)
}

// input is the topic to go through, filled.
func (r *run) input(ctx context.Context, c *child) (string, error) {
	topic := r.cfg.Input
	if topic == "" {
		topic = "bench-in"
	} else if there, err := c.has(ctx, topic); err != nil || there {
		return topic, err
	}
	if err := c.create(ctx, r.cfg.Partitions, topic); err != nil {
		return "", err
	}
	return topic, c.fill(ctx, topic, filler{records: r.cfg.Records, size: r.cfg.RecordSize, keys: r.cfg.Keys})
}

// clear removes the topics of a job.
func (c *child) clear(ctx context.Context, j job, input bool) error {
	topics := []string{j.Output}
	if input {
		topics = append(topics, j.Input)
	}
	return c.remove(context.WithoutCancel(ctx), topics...)
}

// rate watches a processor until it has gone through all records.
func (c *child) rate(ctx context.Context, j job, records int64) (rate Rate, err error) {
	err = c.watching(groupOf(j), j.Input, func(w *watch) error {
		first, err := w.await(ctx, 1)
		if err != nil {
			return err
		}
		last, err := w.await(ctx, records)
		if err != nil {
			return err
		}
		rate = between(first, last)
		rate.Peak = c.peak()
		rate.PeakWithBroker = rate.Peak
		if c.broker != 0 {
			rate.PeakWithBroker += memory(c.broker, "VmHWM")
		}
		return nil
	})
	return rate, err
}

// between is the rate from one moment to another.
func between(first, last moment) Rate {
	n := last.records - first.records
	seconds := last.at.Sub(first.at).Seconds()
	r := Rate{Records: n, Seconds: seconds}
	if n > 0 && seconds > 0 {
		r.RecordsPerSecond = float64(n) / seconds
		r.CPU = float64((last.cpu - first.cpu).Nanoseconds()) / 1000 / float64(n)
		r.CPUWithBroker = r.CPU + float64((last.broker-first.broker).Nanoseconds())/1000/float64(n)
	}
	return r
}

// medianRate has in each field the median over all rounds.
func medianRate(rounds []Rate) Rate {
	of := func(figure func(Rate) float64) float64 { return bench.MedianOf(rounds, figure) }
	return Rate{
		Records:          int64(of(func(r Rate) float64 { return float64(r.Records) })),
		Seconds:          of(func(r Rate) float64 { return r.Seconds }),
		RecordsPerSecond: of(func(r Rate) float64 { return r.RecordsPerSecond }),
		CPU:              of(func(r Rate) float64 { return r.CPU }),
		CPUWithBroker:    of(func(r Rate) float64 { return r.CPUWithBroker }),
		Peak:             of(func(r Rate) float64 { return r.Peak }),
		PeakWithBroker:   of(func(r Rate) float64 { return r.PeakWithBroker }),
	}
}
