package log

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/evidentlog/evident/internal/vfs"
)

// metrics are the log's own figures.
type metrics struct {
	writtenBytes atomic.Int64
	syncs        prometheus.Histogram

	registry   prometheus.Registerer
	registered []prometheus.Collector
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{registry: reg, syncs: prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "evident_log_sync_seconds",
		Help:    "Duration of the fsyncs that appends wait for.",
		Buckets: prometheus.ExponentialBuckets(50e-6, 2, 16),
	})}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.syncs, prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "evident_log_written_bytes_total",
		Help: "Bytes of record batches written to segments.",
	}, func() float64 { return float64(m.writtenBytes.Load()) })} {
		if err := reg.Register(c); err != nil {
			m.close()
			return nil, err
		}
		m.registered = append(m.registered, c)
	}
	return m, nil
}

func (m *metrics) close() {
	for _, c := range m.registered {
		m.registry.Unregister(c)
	}
}

// timedSync syncs f and notes how long it took.
func (l *Log) timedSync(f vfs.File) error {
	began := time.Now()
	err := f.Sync()
	l.metrics.syncs.Observe(time.Since(began).Seconds())
	return err
}
