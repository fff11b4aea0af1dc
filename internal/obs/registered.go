// Package obs has what all rooms need to be observed. It has no figures of its own.
package obs

import "github.com/prometheus/client_golang/prometheus"

// Registered are collectors that are served until they are closed. The zero value
// has none.
type Registered struct {
	registry   prometheus.Registerer
	collectors []prometheus.Collector
}

// Register has collectors served by a registry, all or none; a nil registry serves
// nothing, and that is no error.
func Register(registry prometheus.Registerer, collectors ...prometheus.Collector) (*Registered, error) {
	r := &Registered{registry: registry}
	if registry == nil {
		return r, nil
	}
	for _, c := range collectors {
		if err := registry.Register(c); err != nil {
			r.Close()
			return nil, err
		}
		r.collectors = append(r.collectors, c)
	}
	return r, nil
}

// Close ends it, so that others of the same names can be registered.
func (r *Registered) Close() {
	for _, c := range r.collectors {
		r.registry.Unregister(c)
	}
	r.collectors = nil
}
