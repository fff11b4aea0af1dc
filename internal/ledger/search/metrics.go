package search

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/evidentlog/evident/internal/ledger/index"
	"github.com/evidentlog/evident/internal/obs"
)

// metrics are figures of searches, and of the index.
type metrics struct {
	searches *prometheus.CounterVec
	seconds  prometheus.Histogram
	reads    prometheus.Counter

	registered *obs.Registered
}

// What a search can come to, as the label "result".
const (
	resultFound   = "found"
	resultNone    = "none"
	resultCut     = "cut"     // ended by its limits, and goes on with a cursor
	resultRefused = "refused" // a bad query, or a topic that cannot be searched
	resultBusy    = "busy"
	resultFailed  = "failed"
)

func newMetrics(reg prometheus.Registerer, ix *index.Index) (*metrics, error) {
	m := &metrics{
		searches: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "evident_ledger_searches_total", Help: "Searches, those for proofs among them, by what they came to.",
		}, []string{"result"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "evident_ledger_search_seconds", Help: "Duration of searches, with the wait for the index.",
			Buckets: prometheus.ExponentialBuckets(1e-3, 2, 15),
		}),
		reads: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "evident_ledger_search_records_read_total", Help: "Records that searches have read from the log.",
		}),
	}
	var err error
	m.registered, err = obs.Register(reg, m.searches, m.seconds, m.reads, indexCollector{ix})
	if err != nil {
		return nil, err
	}
	return m, nil
}

func (m *metrics) close() { m.registered.Close() }

// ended notes what a search that began then has come to.
func (m *metrics) ended(began time.Time, result string) {
	m.searches.WithLabelValues(result).Inc()
	m.seconds.Observe(time.Since(began).Seconds())
}

// An indexCollector collects an index's figures.
type indexCollector struct{ index *index.Index }

// A figure is one of them.
type figure struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	of   func(*index.Stats) int64
}

func newFigure(name, help string, kind prometheus.ValueType, of func(*index.Stats) int64) figure {
	return figure{prometheus.NewDesc("evident_ledger_index_"+name, help, nil, nil), kind, of}
}

func figures() []figure {
	const gauge, counter = prometheus.GaugeValue, prometheus.CounterValue
	return []figure{
		newFigure("records_total", "Records that were indexed.", counter, func(s *index.Stats) int64 { return s.Records }),
		newFigure("lag_records", "Offsets that have leaves and are not indexed yet.", gauge, func(s *index.Stats) int64 { return s.Lag }),
		newFigure("files", "Files of the index.", gauge, func(s *index.Stats) int64 { return s.Blocks }),
		newFigure("bytes", "Their bytes.", gauge, func(s *index.Stats) int64 { return s.Bytes }),
		newFigure("memory_bytes", "Bytes of the index that are in memory and in no file yet.", gauge, func(s *index.Stats) int64 { return s.Memory }),
		newFigure("files_searched_total", "Files that searches have looked into.", counter, func(s *index.Stats) int64 { return s.Searched }),
		newFigure("damaged_total", "Files that were found to be damaged.", counter, func(s *index.Stats) int64 { return s.Damaged }),
		newFigure("dropped_partitions", "Partitions that are not indexed any more, and whose files are still there.", gauge, func(s *index.Stats) int64 { return s.Unremoved }),
	}
}

// Describe implements prometheus.Collector.
func (c indexCollector) Describe(to chan<- *prometheus.Desc) {
	for _, f := range figures() {
		to <- f.desc
	}
}

// Collect implements prometheus.Collector.
func (c indexCollector) Collect(to chan<- prometheus.Metric) {
	s := c.index.Stats()
	for _, f := range figures() {
		to <- prometheus.MustNewConstMetric(f.desc, f.kind, float64(f.of(&s)))
	}
}
