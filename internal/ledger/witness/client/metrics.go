package client

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are those of one witness.
type metrics struct {
	cosigned, alarm, clock prometheus.Gauge
	failures               prometheus.Counter
}

// measure makes the metrics of all witnesses, by their URLs.
func (c *Client) measure() error {
	label := []string{"witness"}
	cosigned := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "evident_ledger_witness_cosigned_size",
		Help: "Entries of the root log in the newest checkpoint that a witness has cosigned.",
	}, label)
	alarm := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "evident_ledger_witness_alarm",
		Help: "1 if a witness has seen another history of the ledger than this node's.",
	}, label)
	clock := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "evident_ledger_witness_clock_off_seconds",
		Help: "By how much the time in the newest cosignature of a witness was ahead of this node's clock; behind if negative.",
	}, label)
	failures := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "evident_ledger_witness_failures_total",
		Help: "Times that a witness did not cosign what it was sent.",
	}, label)
	for _, w := range c.witnesses {
		w.metrics = metrics{cosigned.WithLabelValues(w.url), alarm.WithLabelValues(w.url), clock.WithLabelValues(w.url), failures.WithLabelValues(w.url)}
		w.metrics.cosigned.Set(float64(max(0, w.known)))
	}
	if c.cfg.Metrics == nil {
		return nil
	}
	return errors.Join(c.cfg.Metrics.Register(cosigned), c.cfg.Metrics.Register(alarm), c.cfg.Metrics.Register(clock), c.cfg.Metrics.Register(failures))
}
