package broker

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/evidentlog/evident/internal/broker/quota"
)

// metrics are the broker's collectors. What is counted for each request is
// looked up beforehand.
type metrics struct {
	received, sent   prometheus.Counter
	connections      prometheus.Gauge
	connectionErrors *prometheus.CounterVec          // by reason
	partitionErrors  *prometheus.CounterVec          // by api and code
	authentications  *prometheus.CounterVec          // by mechanism and result
	throttled        [quota.Kinds]prometheus.Counter // seconds, by kind of limit
	requests         *prometheus.CounterVec
	seconds          *prometheus.HistogramVec
	byKey            [maxKey]struct {
		requests prometheus.Counter
		seconds  prometheus.Observer
	}
}

// newMetrics registers the collectors with r, which may be nil.
func newMetrics(r prometheus.Registerer, apis [maxKey]*api, fetchSessions func() float64) (*metrics, error) {
	m := &metrics{
		received: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "evident_broker_received_bytes_total", Help: "Bytes of requests read from clients."}),
		sent: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "evident_broker_sent_bytes_total", Help: "Bytes of responses written to clients."}),
		connections: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "evident_broker_connections", Help: "Connections that are open."}),
		connectionErrors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "evident_broker_connection_errors_total", Help: "Connections that the broker closed because of what the client sent or did not take."},
			[]string{"reason"}),
		partitionErrors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "evident_broker_partition_errors_total", Help: "Errors that produce and fetch answered for a partition, by Kafka error code."},
			[]string{"api", "code"}),
		authentications: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "evident_broker_authentications_total", Help: "Clients that proved by SASL who they are (ok), or could not (failed)."},
			[]string{"mechanism", "result"}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "evident_broker_requests_total", Help: "Requests read."}, []string{"api"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "evident_broker_request_seconds", Help: "Time from a request's last byte to its answer's framing, waiting included.",
			Buckets: prometheus.ExponentialBuckets(0.00025, 4, 9)}, []string{"api"}),
	}
	muted := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "evident_broker_throttled_seconds_total", Help: "For how long connections were muted because clients used up a quota."}, []string{"quota"})
	for l := range m.throttled {
		m.throttled[l] = muted.WithLabelValues(quota.Limit(l).String())
	}
	for _, a := range apis {
		if a != nil {
			m.byKey[a.key].requests = m.requests.WithLabelValues(a.name())
			m.byKey[a.key].seconds = m.seconds.WithLabelValues(a.name())
		}
	}
	if r == nil {
		return m, nil
	}
	sessions := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "evident_broker_fetch_sessions", Help: "Fetch sessions that are remembered (KIP-227)."}, fetchSessions)
	for _, c := range []prometheus.Collector{m.received, m.sent, m.connections, m.connectionErrors, m.partitionErrors, m.authentications, m.requests, m.seconds, muted, sessions} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *metrics) begun(a *api) { m.byKey[a.key].requests.Inc() }

func (m *metrics) answered(a *api, took time.Duration) {
	m.byKey[a.key].seconds.Observe(took.Seconds())
}

func (m *metrics) partitionError(a *api, code int16) {
	m.partitionErrors.WithLabelValues(a.name(), strconv.Itoa(int(code))).Inc()
}
