package standby

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/evidentlog/evident/internal/obs"
)

// register serves the figures of the copies.
func (k *Keeper) register() (err error) {
	labels := prometheus.Labels{"processor": k.cfg.Processor, "version": k.cfg.Version}
	gauge := func(name, help string, value func(map[int32]Status) float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels}, func() float64 {
			return value(k.Status())
		})
	}
	count := func(role Role) func(map[int32]Status) float64 {
		return func(all map[int32]Status) (n float64) {
			for _, s := range all {
				if s.Role == role {
					n++
				}
			}
			return n
		}
	}
	k.figures, err = obs.Register(k.cfg.Metrics,
		gauge("evident_process_standbys", "Copies of tasks' state that this node keeps for others.", count(Standby)),
		gauge("evident_process_restoring", "Tasks whose state is being made again.", count(Restoring)),
		gauge("evident_process_standby_lag", "Offsets of the changelog by which the standby that is furthest behind is behind.", furthest),
	)
	return err
}

// furthest is the lag of the standby that is behind most.
func furthest(all map[int32]Status) (most float64) {
	for _, s := range all {
		if s.Role == Standby {
			most = max(most, float64(s.Lag()))
		}
	}
	return most
}
