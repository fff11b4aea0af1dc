package engine

import (
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"
)

// metrics are the collectors of a cluster that somebody else runs. They are
// hooks of every client that the engine makes.
type metrics struct {
	connections prometheus.Gauge
	failures    prometheus.Counter
	throttled   prometheus.Counter
}

// newMetrics registers the collectors with r, which may be nil.
func newMetrics(r prometheus.Registerer, up func() bool) (*metrics, error) {
	m := &metrics{
		connections: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "evident_cluster_connections", Help: "Connections to the Kafka cluster that are open."}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "evident_cluster_connect_failures_total", Help: "Connections to the Kafka cluster that did not come about."}),
		throttled: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "evident_cluster_throttled_seconds_total", Help: "Time for which the Kafka cluster told clients to wait (KIP-219)."}),
	}
	if r == nil {
		return m, nil
	}
	upGauge := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "evident_cluster_up", Help: "1 if the Kafka cluster answered when it was last asked, else 0."}, func() float64 {
		if up() {
			return 1
		}
		return 0
	})
	for _, c := range []prometheus.Collector{m.connections, m.failures, m.throttled, upGauge} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// OnBrokerConnect implements [kgo.HookBrokerConnect]. A connection on which
// authentication failed has an error too, and was told to OnBrokerDisconnect.
func (m *metrics) OnBrokerConnect(_ kgo.BrokerMetadata, _ time.Duration, conn net.Conn, err error) {
	if conn != nil {
		m.connections.Inc()
	}
	if err != nil {
		m.failures.Inc()
	}
}

// OnBrokerDisconnect implements [kgo.HookBrokerDisconnect].
func (m *metrics) OnBrokerDisconnect(kgo.BrokerMetadata, net.Conn) { m.connections.Dec() }

// OnBrokerThrottle implements [kgo.HookBrokerThrottle].
func (m *metrics) OnBrokerThrottle(_ kgo.BrokerMetadata, interval time.Duration, _ bool) {
	m.throttled.Add(interval.Seconds())
}
