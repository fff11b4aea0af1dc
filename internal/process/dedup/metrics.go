package dedup

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/evidentlog/evident/internal/obs"
)

// Metrics count, on a node, what becomes of the records of all processors that
// de-duplicate. What a step has counted that is done again is counted again.
type Metrics struct {
	passed, dropped, without, early *prometheus.CounterVec
	registered                      *obs.Registered
}

// NewMetrics makes them; a nil registry serves none.
func NewMetrics(registry prometheus.Registerer) (*Metrics, error) {
	counter := func(name, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "evident_dedup_" + name, Help: help}, []string{"processor", "version"})
	}
	m := &Metrics{
		passed:  counter("passed_total", "Records whose id was not seen before, and that were let by."),
		dropped: counter("dropped_total", "Records whose id was seen before, and that were dropped."),
		without: counter("without_id_total", "Records without an id, that were let by or written to the dead letters."),
		early:   counter("evicted_early_total", "Ids that were forgotten before the end of the window, since more came than the limit allows."),
	}
	var err error
	m.registered, err = obs.Register(registry, m.passed, m.dropped, m.without, m.early)
	return m, err
}

// Close serves them no more.
func (m *Metrics) Close() { m.registered.Close() }

// counts are the figures of one version of a processor.
type counts struct{ passed, dropped, without, early prometheus.Counter }

// of are the figures of a version; of nil they count for nobody.
func (m *Metrics) of(processor string, version int) *counts {
	if m == nil {
		m, _ = NewMetrics(nil) // which registers nothing, and cannot fail
	}
	v := strconv.Itoa(version)
	return &counts{
		m.passed.WithLabelValues(processor, v), m.dropped.WithLabelValues(processor, v),
		m.without.WithLabelValues(processor, v), m.early.WithLabelValues(processor, v),
	}
}
