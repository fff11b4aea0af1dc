package monitor

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	entries, trees prometheus.Gauge
	sign           prometheus.Gauge
	rounds         *prometheus.CounterVec
	alarms         *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) *metrics {
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: "evident_monitor_" + name, Help: help})
	}
	counter := func(name, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "evident_monitor_" + name, Help: help}, []string{label})
	}
	m := &metrics{
		entries: gauge("root_entries", "Entries of the root log that were checked."),
		trees:   gauge("trees", "Trees of partitions that are followed, closed ones among them."),
		sign:    gauge("quiet_since_seconds", "Unix time since when the log has given no sign of life; 0 if it has."),
		rounds:  counter("rounds_total", "Rounds by their result: ok, failed or alarm.", "result"),
		alarms:  counter("alarms_total", "Alarms that were raised, by type.", "type"),
	}
	r.MustRegister(m.entries, m.trees, m.sign, m.rounds, m.alarms)
	return m
}

// round counts one that ended with err.
func (m *metrics) round(s *state, err error) {
	result := "ok"
	switch err.(type) {
	case nil:
	case *Alarm:
		result = "alarm"
	default:
		result = "failed"
	}
	m.rounds.WithLabelValues(result).Inc()
	m.entries.Set(float64(s.read))
	m.trees.Set(float64(len(s.trees)))
	m.sign.Set(float64(s.quiet) / 1000)
}
