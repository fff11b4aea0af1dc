package broker

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/internal/vfs"
)

// With a full disk, produce and changes of topics are refused, reads go on, and
// writing resumes when there is room.
func TestFullDisk(t *testing.T) {
	disk := vfs.NewMem()
	s := startOn(t, disk)
	topic := s.topic("t", 1)
	s.append(topic, 0, "kept")
	disk.SetLimit(1)
	c := s.dial()
	write := func() error {
		resp := ask[*kmsg.ProduceResponse](c, produceRequest(9, -1, topic, records(t, batch.Head{}, strings.Repeat("x", 500_000))))
		return kerr.ErrorForCode(resp.Topics[0].Partitions[0].ErrorCode)
	}
	waitFor(t, func() bool { return write() == error(kerr.KafkaStorageError) }, "a full disk takes records")
	expect(t, ask[*kmsg.FetchResponse](c, fetchRequest(12, topic, 0)), "0:0")
	disk.SetLimit(1 << 40)
	waitFor(t, func() bool { return write() == nil }, "a disk with room takes no records")
}

func TestMetricsCount(t *testing.T) {
	registry := prometheus.NewRegistry()
	s := start(t, func(c *Config) { c.Metrics = registry })
	topic := s.topic("t", 1)
	c := s.dial()
	for range 3 {
		ask[*kmsg.ProduceResponse](c, produceRequest(9, -1, topic, records(t, batch.Head{}, "a")))
	}
	ask[*kmsg.FetchResponse](c, inSession(fetchMany(12, topic, want{0, 0}), 0, 0))
	ask[*kmsg.ProduceResponse](c, produceRequest(9, 7, topic, records(t, batch.Head{}, "a")))
	for what, got := range map[string][2]float64{
		"produce requests": {testutil.ToFloat64(s.metrics.requests.WithLabelValues("Produce")), 4},
		"fetch requests":   {testutil.ToFloat64(s.metrics.requests.WithLabelValues("Fetch")), 1},
		"connections":      {testutil.ToFloat64(s.metrics.connections), 1},
		"partition errors": {testutil.ToFloat64(s.metrics.partitionErrors.WithLabelValues("Produce", "21")), 1},
		"fetch sessions":   {s.sessions.count(), 1},
	} {
		if got[0] != got[1] {
			t.Errorf("%v %s, want %v", got[0], what, got[1])
		}
	}
	if n := testutil.ToFloat64(s.metrics.received); n < 500 {
		t.Errorf("%v bytes received", n)
	}
	problems, err := testutil.GatherAndLint(registry)
	if err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "evident_broker_") {
			t.Errorf("metric %s", f.GetName())
		}
	}
}
