package registry

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics tell how large a registry is, and what it cannot read. It is a
// prometheus.Collector.
type Metrics struct {
	refused  prometheus.Counter
	subjects *prometheus.Desc
	schemas  *prometheus.Desc
	count    atomic.Pointer[func() (subjects, schemas int)]
}

// NewMetrics makes metrics for one registry.
func NewMetrics() *Metrics {
	return &Metrics{
		refused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "evident_schema_registry_records_refused_total",
			Help: "Records of the topic _schemas that were passed over: they cannot be read, or give an id to a second schema.",
		}),
		subjects: prometheus.NewDesc("evident_schema_registry_subjects", "Subjects in the schema registry, with those that are deleted and not gone.", nil, nil),
		schemas:  prometheus.NewDesc("evident_schema_registry_schemas", "Schemas in the schema registry, each once in a context.", nil, nil),
	}
}

// size says how the numbers are found out.
func (m *Metrics) size(count func() (subjects, schemas int)) { m.count.Store(&count) }

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(to chan<- *prometheus.Desc) {
	to <- m.subjects
	to <- m.schemas
	m.refused.Describe(to)
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(to chan<- prometheus.Metric) {
	m.refused.Collect(to)
	count := m.count.Load()
	if count == nil {
		return
	}
	subjects, schemas := (*count)()
	to <- prometheus.MustNewConstMetric(m.subjects, prometheus.GaugeValue, float64(subjects))
	to <- prometheus.MustNewConstMetric(m.schemas, prometheus.GaugeValue, float64(schemas))
}
