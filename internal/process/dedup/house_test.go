package dedup_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/evidenttest"
	"github.com/evidentlog/evident/internal/process"
	"github.com/evidentlog/evident/internal/process/dedup"
	"github.com/evidentlog/evident/internal/vfs"
)

const partitions = 2

// house is a node with the topics "in" and "out", and runtimes that de-duplicate.
type house struct {
	*testing.T
	node     *evidenttest.Node
	client   *kgo.Client
	services int
	ends     int // how often the end was marked
}

func newHouse(t *testing.T) *house {
	h := &house{T: t, node: evidenttest.Start(t, evidenttest.WithoutLedger())}
	h.client = h.node.Client(kgo.RecordRetries(100), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	made, err := kadm.NewClient(h.client).CreateTopics(t.Context(), partitions, 1, nil, "in", "out")
	if err == nil {
		err = made.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// dial makes a client that is the caller's to close.
func (h *house) dial(opts ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers("node:9092"), kgo.Dialer(func(ctx context.Context, _, _ string) (net.Conn, error) {
		return h.node.Dial(ctx)
	})}, opts...)...)
}

// run has a runtime on a disk de-duplicate by the records' keys, until stop or the end of
// the test.
func (h *house) run(disk vfs.FS, cfg dedup.Config) (stop func()) {
	h.Helper()
	h.services++
	s, err := process.New(process.Config{
		Client: h.dial, Instance: fmt.Sprint("node-", h.services), FS: disk, Dir: "state", Workers: 1,
		Logger: slog.New(slog.NewTextHandler(h.Output(), nil)),
	})
	if err != nil {
		h.Fatal(err)
	}
	cfg.Name, cfg.Version, cfg.Input, cfg.Output = "once", 1, "in", "out"
	if cfg.Key, err = dedup.ParseKey("key"); err != nil {
		h.Fatal(err)
	}
	p, err := dedup.New(cfg)
	if err != nil {
		h.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, p) }()
	var stopped bool
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			h.Errorf("running: %v", err)
		}
	}
	h.Cleanup(stop)
	return stop
}

// send writes records with ids of a range, each to the partition that it belongs to.
func (h *house) send(from, to int) {
	h.Helper()
	var all []*kgo.Record
	for id := from; id < to; id++ {
		all = append(all, record("in", id%partitions, strconv.Itoa(id), time.Now()))
	}
	h.produce(all...)
}

func record(topic string, partition int, id string, at time.Time) *kgo.Record {
	return &kgo.Record{Topic: topic, Partition: int32(partition), Key: []byte(id), Value: []byte(id), Timestamp: at}
}

func (h *house) produce(all ...*kgo.Record) {
	h.Helper()
	if err := h.client.ProduceSync(h.Context(), all...).FirstErr(); err != nil {
		h.Fatal(err)
	}
}

// passed marks the end of each partition, waits until that was let by, and says how often
// each value was.
func (h *house) passed() map[string]int {
	h.Helper()
	h.ends++
	for p := range partitions {
		h.produce(record("in", p, fmt.Sprint("end ", h.ends), time.Now()))
	}
	ctx, cancel := context.WithDeadline(h.Context(), h.late())
	defer cancel()
	c := h.node.Client(kgo.ConsumeTopics("out"), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	all := map[string]int{}
	until := func(last string) {
		h.Helper()
		for all[last] < partitions {
			for _, r := range c.PollFetches(ctx).Records() {
				all[string(r.Value)]++
			}
			if ctx.Err() != nil {
				h.Fatalf("%q did not come from each partition: %v", last, all)
			}
		}
	}
	until(fmt.Sprint("end ", h.ends))
	// All that was let by is committed now, in whichever partitions.
	stop := fmt.Sprint("stop ", h.ends)
	for p := range partitions {
		h.produce(record("out", p, stop, time.Now()))
	}
	until(stop)
	maps.DeleteFunc(all, func(value string, _ int) bool { return strings.HasPrefix(value, "stop ") })
	return all
}

// late is when it is too late to wait any longer: shortly before the tests are ended.
func (h *house) late() time.Time {
	if end, ok := h.Deadline(); ok {
		return end.Add(-20 * time.Second)
	}
	return time.Now().Add(time.Hour)
}

// once checks that each of the first ids, and the end of each partition, was let by once.
func (h *house) once(ids int) {
	h.Helper()
	got, want := h.passed(), map[string]int{}
	for id := range ids {
		want[strconv.Itoa(id)] = 1
	}
	for n := range h.ends {
		want[fmt.Sprint("end ", n+1)] = partitions
	}
	for id := range want {
		if got[id] != want[id] {
			h.Errorf("%q was let by %d times, want %d", id, got[id], want[id])
		}
	}
	if len(got) != len(want) {
		h.Errorf("%d values were let by, want %d", len(got), len(want))
	}
}
