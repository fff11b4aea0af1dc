package dedup_test

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/evidenttest"
	"github.com/evidentlog/evident/internal/process/dedup"
	"github.com/evidentlog/evident/internal/vfs"
)

// Records come again after each crash: of the broker, which loses what was not synced, and
// of the runtime, whose disk keeps nothing, some, or all of what was not synced, or which
// comes back without one. More than a block of ids are in each partition.
func TestAnIDIsLetByOnceWhateverCrashes(t *testing.T) {
	for name, crash := range map[string]func(*vfs.Mem) *vfs.Mem{
		"synced":  func(m *vfs.Mem) *vfs.Mem { return m.Crash(vfs.KeepNone) },
		"torn":    func(m *vfs.Mem) *vfs.Mem { return m.Crash(vfs.KeepRandom(7)) },
		"kill":    func(m *vfs.Mem) *vfs.Mem { return m.Crash(vfs.KeepAll) },
		"no disk": func(*vfs.Mem) *vfs.Mem { return vfs.NewMem() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, disk := newHouse(t), vfs.NewMem()
			const more = 150
			for round := range 4 {
				stop := h.run(disk, dedup.Config{})
				h.send(0, more*(round+1))
				if round%2 == 0 {
					h.node.CutPower(evidenttest.LoseUnsynced)
					h.node.Restart()
				} else {
					h.passed()
				}
				next := crash(disk)
				stop() // what it still writes goes to a disk that is no more
				disk = next
			}
			h.run(disk, dedup.Config{})
			h.once(4 * more)
		})
	}
}

// Steps are aborted, or committed without an answer, and done again: what is in memory
// goes back with them.
func TestAnIDIsLetByOnceWhenStepsAreAborted(t *testing.T) {
	for _, key := range []kmsg.Key{kmsg.Produce, kmsg.TxnOffsetCommit, kmsg.EndTxn} {
		for _, do := range []evidenttest.Effect{evidenttest.LoseRequest, evidenttest.LoseAnswer, evidenttest.CutPower} {
			t.Run(fmt.Sprint(key.Name(), " ", do), func(t *testing.T) {
				t.Parallel()
				h := newHouse(t)
				h.node.Supervise(0)
				h.run(vfs.NewMem(), dedup.Config{})
				h.send(0, 100)
				h.passed()
				h.node.Inject(evidenttest.RequestFault{
					Requests: []kmsg.Key{key}, Do: do, When: evidenttest.When{Times: 3}, Where: transactional,
				})
				for round := range 4 {
					h.send(0, 100*(round+2))
				}
				h.once(500)
			})
		}
	}
}

// transactional tells a processor's requests from those of others.
func transactional(r kmsg.Request) bool {
	p, ok := r.(*kmsg.ProduceRequest)
	return !ok || p.TransactionID != nil
}

func TestAnIDIsLetByOnceWhileTasksMove(t *testing.T) {
	h := newHouse(t)
	cfg := dedup.Config{Standbys: 1}
	one := h.run(vfs.NewMem(), cfg)
	h.send(0, 200)
	h.passed()
	two := h.run(vfs.NewMem(), cfg)
	h.send(0, 400)
	one()
	h.send(0, 500)
	h.passed()
	h.run(vfs.NewMem(), cfg)
	h.send(0, 600)
	two()
	h.send(0, 700)
	h.once(700)
}

// The window ends to the millisecond, and each partition has its half of the limit.
func TestWindowAndLimitAreExactInARuntime(t *testing.T) {
	h, registry := newHouse(t), prometheus.NewRegistry()
	metrics, err := dedup.NewMetrics(registry)
	if err != nil {
		t.Fatal(err)
	}
	h.run(vfs.NewMem(), dedup.Config{Window: time.Hour, Limit: 2 * 4, Metrics: metrics})
	start := time.Now().Add(-24 * time.Hour)
	var all []*kgo.Record
	for _, after := range []time.Duration{0, time.Hour - time.Millisecond, time.Hour, 2*time.Hour - time.Millisecond, 2 * time.Hour} {
		all = append(all, record("in", 0, "id", start.Add(after)))
	}
	for _, id := range []string{"1", "2", "3", "4", "5", "1", "5", "4", "3", "2"} {
		all = append(all, record("in", 1, id, start))
	}
	h.produce(all...)
	want := map[string]int{"id": 3, "1": 2, "2": 2, "3": 1, "4": 1, "5": 1, "end 1": 2}
	if got := h.passed(); !maps.Equal(got, want) {
		t.Errorf("let by %v, want %v", got, want)
	}
	if early := counted(t, registry, "evident_dedup_evicted_early_total"); early < 3 {
		t.Errorf("%v ids were forgotten early, want 3", early)
	}
	if dropped := counted(t, registry, "evident_dedup_dropped_total"); dropped < 5 {
		t.Errorf("%v records were dropped, want 5", dropped)
	}
}

// counted is a counter; a step that is done again counts again.
func counted(t *testing.T, registry *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	t.Fatalf("there is no %s", name)
	return 0
}
