package bench

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestMetricsCPUReadsTheProcessCollector(t *testing.T) {
	page := "# HELP process_cpu_seconds_total Total.\n# TYPE process_cpu_seconds_total counter\n" +
		"process_cpu_seconds_total 12.25\nother 1\n"
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(page))
	}))
	defer srv.Close()
	got, err := MetricsCPU(srv.URL)(t.Context())
	if err != nil || got != 12250*time.Millisecond {
		t.Fatalf("got %v, %v", got, err)
	}
	if BrokerCPU(t.Context(), srv.URL, 0) == nil {
		t.Error("a page that answers was not chosen")
	}
	page = "nothing 1\n"
	if _, err := MetricsCPU(srv.URL)(t.Context()); !errors.Is(err, ErrNoCPU) {
		t.Errorf("page without the metric: got %v", err)
	}
	if BrokerCPU(t.Context(), srv.URL, 0) != nil {
		t.Error("a page without the metric was chosen")
	}
}

func TestStatLineOfAProgramWithAnAwkwardName(t *testing.T) {
	line := "42 (a) b) R 1 1 1 0 -1 4194560 1 2 3 4 150 50 7 8 20 0 9 0 100 1 2"
	got, err := parseStat([]byte(line))
	if err != nil || got != 2*time.Second {
		t.Fatalf("got %v, %v", got, err)
	}
	if _, err := parseStat([]byte("42 (a) R 1")); !errors.Is(err, ErrNoCPU) {
		t.Errorf("short line: got %v", err)
	}
}
