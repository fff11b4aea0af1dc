package state

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/evidentlog/evident/internal/obs"
)

// metrics are the figures of a DB.
type metrics struct{ registered *obs.Registered }

// newMetrics serves the figures of a DB; its processor and version are their labels.
func newMetrics(db *DB) (*metrics, error) {
	labels := prometheus.Labels{"processor": db.cfg.Processor, "version": db.cfg.Version}
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels}, func() float64 {
			if db.enter() != nil {
				return 0
			}
			defer db.exit()
			return value()
		})
	}
	r, err := obs.Register(db.cfg.Metrics,
		gauge("evident_process_state_disk_bytes", "Bytes of state on disk.", func() float64 {
			return float64(db.pebble.Metrics().DiskSpaceUsage())
		}),
		gauge("evident_process_state_memory_bytes", "Bytes of state that was committed and is not on disk yet.", func() float64 {
			n := int(db.pebble.Metrics().MemTable.Size)
			for _, t := range db.tasks() {
				n += t.pending.size()
			}
			return float64(n)
		}),
		gauge("evident_process_state_up", "1 if state can be read and written, 0 after it has failed.", func() float64 {
			if db.health.err() != nil {
				return 0
			}
			return 1
		}),
	)
	if err != nil {
		return nil, err
	}
	return &metrics{registered: r}, nil
}
