package obs

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func counter(name string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: "Of a test."})
}

func TestCollectorsAreRegisteredAllOrNone(t *testing.T) {
	reg := prometheus.NewRegistry()
	served := func() int {
		all, err := reg.Gather()
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	if _, err := Register(reg, counter("a"), counter("b"), counter("a")); err == nil || served() != 0 {
		t.Errorf("two of one name: %v, %d are served", err, served())
	}
	r, err := Register(reg, counter("a"), counter("b"))
	if err != nil || served() != 2 {
		t.Fatalf("%v, %d are served", err, served())
	}
	r.Close()
	r.Close()
	if served() != 0 {
		t.Errorf("%d are served at the end", served())
	}
}

func TestWithoutARegistryNothingIsServed(t *testing.T) {
	r, err := Register(nil, counter("a"))
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
}
