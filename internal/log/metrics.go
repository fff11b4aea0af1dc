package log

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/evidentlog/evident/internal/obs"
	"github.com/evidentlog/evident/internal/vfs"
)

// metrics are the log's own figures.
type metrics struct {
	writtenBytes atomic.Int64
	syncs        prometheus.Histogram

	registered *obs.Registered
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{syncs: prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "evident_log_sync_seconds",
		Help:    "Duration of the fsyncs that appends wait for.",
		Buckets: prometheus.ExponentialBuckets(50e-6, 2, 16),
	})}
	var err error
	m.registered, err = obs.Register(reg, m.syncs, prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "evident_log_written_bytes_total",
		Help: "Bytes of record batches written to segments.",
	}, func() float64 { return float64(m.writtenBytes.Load()) }))
	if err != nil {
		return nil, err
	}
	return m, nil
}

func (m *metrics) close() { m.registered.Close() }

// timedSync syncs f and notes how long it took.
func (l *Log) timedSync(f vfs.File) error {
	began := time.Now()
	err := f.Sync()
	l.metrics.syncs.Observe(time.Since(began).Seconds())
	return err
}
