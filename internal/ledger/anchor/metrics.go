package anchor

import "github.com/prometheus/client_golang/prometheus"

// Metrics are what a node tells about its anchors. A nil Metrics takes no notes.
type Metrics struct {
	submissions, failures         *prometheus.CounterVec
	newestSize, newestTime        *prometheus.GaugeVec
	pendingReceipts, stalledGauge *prometheus.GaugeVec
}

// NewMetrics registers the collectors of anchors.
func NewMetrics(r prometheus.Registerer) (*Metrics, error) {
	labels := []string{"anchor"}
	counter := func(name, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "evident_ledger_anchor_" + name, Help: help}, labels)
	}
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "evident_ledger_anchor_" + name, Help: help}, labels)
	}
	m := &Metrics{
		submissions:     counter("submissions_total", "Checkpoints submitted to the anchor."),
		failures:        counter("failures_total", "Attempts to submit, or to go on with receipts, that failed."),
		newestSize:      gauge("newest_size", "Size of the newest checkpoint with a complete receipt, by the word of whoever gave it."),
		newestTime:      gauge("newest_submitted_seconds", "When that checkpoint was submitted, in Unix seconds."),
		pendingReceipts: gauge("pending", "Receipts that are not final."),
		stalledGauge:    gauge("stalled", "1 if no checkpoint has been anchored for long."),
	}
	for _, c := range []prometheus.Collector{m.submissions, m.failures, m.newestSize, m.newestTime, m.pendingReceipts, m.stalledGauge} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *Metrics) submitted(kind string) {
	if m != nil {
		m.submissions.WithLabelValues(kind).Inc()
	}
}

func (m *Metrics) failed(kind string) {
	if m != nil {
		m.failures.WithLabelValues(kind).Inc()
	}
}

// state shows how far an anchor has come.
func (m *Metrics) state(kind string, newest place, pending int, stalled bool) {
	if m == nil {
		return
	}
	m.pendingReceipts.WithLabelValues(kind).Set(float64(pending))
	m.newestSize.WithLabelValues(kind).Set(float64(newest.size))
	if !newest.submitted.IsZero() {
		m.newestTime.WithLabelValues(kind).Set(float64(newest.submitted.Unix()))
	}
	flag := 0.0
	if stalled {
		flag = 1
	}
	m.stalledGauge.WithLabelValues(kind).Set(flag)
}
