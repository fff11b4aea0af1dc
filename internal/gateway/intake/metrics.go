package intake

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/evidentlog/evident/internal/gateway/once"
	"github.com/evidentlog/evident/internal/obs"
)

// figures are what an intake counts.
type figures struct {
	written, repeated, failed, claimed, learnt prometheus.Counter
}

func (f *figures) register(to prometheus.Registerer, index *once.Index[leader]) (*obs.Registered, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "evident_gateway_" + name, Help: help})
	}
	f.written = counter("events_written_total", "Events that were written and acknowledged.")
	f.repeated = counter("events_repeated_total", "Events that were in the log already, or being written, and got the first one's answer.")
	f.failed = counter("events_failed_total", "Events that the log did not acknowledge.")
	f.claimed = counter("events_claimed_total", "Events whose data was too large for the topic and is kept elsewhere.")
	f.learnt = counter("events_learnt_total", "Events whose identities were read from the log.")
	return obs.Register(to, f.written, f.repeated, f.failed, f.claimed, f.learnt,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "evident_gateway_ids", Help: "Identities of events that are known again.",
		}, func() float64 { return float64(index.Len()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "evident_gateway_ids_evicted_early_total", Help: "Identities that were forgotten before the window was over, since newer ones needed their places.",
		}, func() float64 { return float64(index.Early()) }))
}
