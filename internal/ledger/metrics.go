package ledger

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/evidentlog/evident/internal/obs"
)

// metrics are the ledger's own figures.
type metrics struct {
	rounds   prometheus.Histogram
	failures prometheus.Counter

	registered *obs.Registered
}

func newMetrics(reg prometheus.Registerer, up func() bool, root func() float64) (*metrics, error) {
	m := &metrics{
		rounds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "evident_ledger_round_seconds", Help: "Duration of rounds, from collecting leaves to the signed checkpoint.",
			Buckets: prometheus.ExponentialBuckets(500e-6, 2, 16),
		}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "evident_ledger_failures_total", Help: "Times that the ledger stopped, or could not come back.",
		}),
	}
	var err error
	m.registered, err = obs.Register(reg, m.rounds, m.failures,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "evident_ledger_up", Help: "1 if records become provable, 0 while the ledger has stopped.",
		}, func() float64 {
			if up() {
				return 1
			}
			return 0
		}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "evident_ledger_root_entries", Help: "Entries of the root log that are signed.",
		}, root),
	)
	if err != nil {
		return nil, err
	}
	return m, nil
}

// healthy tells whether records become provable.
func (l *Ledger) healthy() bool { return l.Err() == nil }

// entries is how many entries of the root log are signed.
func (l *Ledger) entries() float64 {
	if signed := l.signed.Load(); signed != nil {
		return float64(signed.Size)
	}
	return 0
}

// timed notes how long a round took that began then.
func (m *metrics) timed(began time.Time) { m.rounds.Observe(time.Since(began).Seconds()) }

func (m *metrics) close() { m.registered.Close() }
