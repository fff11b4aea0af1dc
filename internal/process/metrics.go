package process

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/evidentlog/evident/internal/obs"
)

// metrics are the figures of a version of a processor on this node.
type metrics struct {
	records, steps, failures, letters, lost, restored prometheus.Counter
	abandoned                                         prometheus.Gauge
	seconds                                           prometheus.Histogram

	registered *obs.Registered
}

// newMetrics registers the figures of r, which may be served until they are closed.
func newMetrics(r *Run) (*metrics, error) {
	labels := prometheus.Labels{"processor": r.p.Name, "version": strconv.Itoa(r.p.Version)}
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "evident_processor_" + name, Help: help, ConstLabels: labels})
	}
	m := &metrics{
		records:  counter("records_total", "Records that were handled, in steps that were committed."),
		steps:    counter("steps_total", "Steps that were committed."),
		failures: counter("step_failures_total", "Attempts to commit a step that failed."),
		letters:  counter("dead_letters_total", "Records and timers that were given up and written to the dead letters."),
		lost:     counter("lost_records_total", "Offsets that were gone from an input before they were read."),
		restored: counter("restored_total", "Changes that were read from the changelog to make state again."),
		abandoned: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "evident_processor_abandoned", Help: "Calls of the code that were given up at their deadline and have not returned.", ConstLabels: labels}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "evident_processor_step_seconds", Help: "How long a step took from its first record to its commit.", ConstLabels: labels,
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 14)}),
	}
	gauge := func(name, help string, value func(Status) float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "evident_processor_" + name, Help: help, ConstLabels: labels}, func() float64 {
			var sum float64
			for _, s := range r.Tasks() {
				sum += value(s)
			}
			return sum
		})
	}
	var err error
	m.registered, err = obs.Register(r.cfg.Metrics,
		m.records, m.steps, m.failures, m.letters, m.lost, m.restored, m.abandoned, m.seconds,
		gauge("lag", "Records that wait in the inputs of this node's tasks.", func(s Status) float64 { return float64(s.Lag) }),
		gauge("running_tasks", "Tasks of this node that are running.", func(s Status) float64 {
			if s.State == Running {
				return 1
			}
			return 0
		}),
		gauge("stopped_tasks", "Tasks of this node that have stopped: their status says why.", func(s Status) float64 {
			if s.State == Stopped {
				return 1
			}
			return 0
		}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "evident_processor_standing", Help: "1 while the version stands still on this node though it is to run: its description says why.", ConstLabels: labels}, func() float64 {
			if r.Trouble() != nil {
				return 1
			}
			return 0
		}))
	return m, err
}
