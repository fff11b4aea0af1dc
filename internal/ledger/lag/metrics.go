package lag

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/evidentlog/evident/internal/obs"
)

// metrics are figures of the lag.
type metrics struct {
	throttled, refused prometheus.Counter

	registered *obs.Registered
}

func newMetrics(reg prometheus.Registerer, now func() amount) (*metrics, error) {
	m := &metrics{
		throttled: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "evident_ledger_throttled_total",
			Help: "Appends after which a producer had to wait because the ledger was behind.",
		}),
		refused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "evident_ledger_refused_total",
			Help: "Appends that were refused because the ledger was too far behind.",
		}),
	}
	gauge := func(name, help string, of func(amount) int64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(of(now())) })
	}
	var err error
	m.registered, err = obs.Register(reg, m.throttled, m.refused,
		gauge("evident_ledger_lag_records", "Records of all partitions that are not in a durable head of the ledger.", func(a amount) int64 { return a.records }),
		gauge("evident_ledger_lag_bytes", "About how many bytes they have in the log.", func(a amount) int64 { return a.bytes }),
	)
	if err != nil {
		return nil, err
	}
	return m, nil
}

func (m *metrics) close() { m.registered.Close() }
