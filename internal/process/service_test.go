package process_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/evidenttest"
	"github.com/evidentlog/evident/internal/process"
	"github.com/evidentlog/evident/internal/vfs"
)

// house is a node with topics, on which processors run.
type house struct {
	testing.TB
	node   *evidenttest.Node
	client *kgo.Client
	names  atomic.Int32
	// patience is how long records are waited for.
	patience time.Duration
}

func newHouse(t testing.TB, partitions int32, topics ...string) *house {
	return furnish(t, evidenttest.Start(t), partitions, topics...)
}

// virtual runs a test with a house in which time passes only when everybody waits.
func virtual(t *testing.T, partitions int32, test func(h *house)) {
	evidenttest.Run(t, func(t *testing.T, n *evidenttest.Node) {
		h := furnish(t, n, partitions, "in", "out")
		h.patience = time.Hour
		test(h)
	})
}

func furnish(t testing.TB, n *evidenttest.Node, partitions int32, topics ...string) *house {
	h := &house{TB: t, node: n, patience: time.Minute}
	h.client = n.Client(kgo.RecordRetries(100))
	resp, err := kadm.NewClient(h.client).CreateTopics(t.Context(), partitions, 1, nil, topics...)
	if err == nil {
		err = resp.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// service is a node's.
func (h *house) service(change ...func(*process.Config)) *process.Service {
	cfg := process.Config{
		Client:   h.dial,
		Instance: fmt.Sprint("node-", h.names.Add(1)), FS: vfs.NewMem(), Dir: "state",
		Logger: slog.New(slog.NewTextHandler(h.Output(), nil)),
	}
	for _, c := range change {
		c(&cfg)
	}
	s, err := process.New(cfg)
	if err != nil {
		h.Fatal(err)
	}
	return s
}

// dial makes a client that is the caller's to close.
func (h *house) dial(opts ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers("node:9092"), kgo.Dialer(func(ctx context.Context, _, _ string) (net.Conn, error) {
		return h.node.Dial(ctx)
	})}, opts...)...)
}

// run runs a processor until stop, or the end of the test.
func (h *house) run(s *process.Service, p process.Processor) (stop func()) {
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
			h.Errorf("running %q: %v", p.Name, err)
		}
	}
	h.Cleanup(stop)
	return stop
}

// produce writes values to a topic, keyed by themselves.
func (h *house) produce(topic string, values ...string) {
	h.Helper()
	var rs []*kgo.Record
	for _, v := range values {
		rs = append(rs, &kgo.Record{Topic: topic, Key: []byte(v), Value: []byte(v)})
	}
	if err := h.client.ProduceSync(h.Context(), rs...).FirstErr(); err != nil {
		h.Fatal(err)
	}
}

// read reads n committed records of a topic.
func (h *house) read(topic string, n int) []*kgo.Record {
	h.Helper()
	ctx, cancel := context.WithTimeout(h.Context(), h.patience)
	defer cancel()
	c := h.node.Client(kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	var all []*kgo.Record
	for len(all) < n {
		f := c.PollFetches(ctx)
		if ctx.Err() != nil {
			h.Fatalf("%q has %d records, and %d are wanted", topic, len(all), n)
		}
		all = append(all, f.Records()...)
	}
	return all
}

func identity(name string, version int) process.Processor {
	return process.Processor{
		Name: name, Version: version, Inputs: []string{"in"},
		New: func(process.Task) process.Handler {
			return process.HandlerFunc(func(s process.Step, r *kgo.Record) error {
				return s.Emit(process.Output{Topic: "out", Key: r.Key, Value: r.Value, Headers: r.Headers})
			})
		},
	}
}

func numbers(from, to int) []string {
	var all []string
	for i := from; i < to; i++ {
		all = append(all, fmt.Sprint(i))
	}
	return all
}

// once checks that each of the values is there once.
func (h *house) once(rs []*kgo.Record, values []string) {
	h.Helper()
	got := map[string]int{}
	for _, r := range rs {
		got[string(r.Value)]++
	}
	for _, v := range values {
		if got[v] != 1 {
			h.Errorf("%q is there %d times", v, got[v])
		}
	}
	if len(got) != len(values) {
		h.Errorf("%d values, want %d", len(got), len(values))
	}
}

func TestEachRecordGoesThroughOnce(t *testing.T) {
	virtual(t, 4, func(h *house) {
		h.produce("in", numbers(0, 1000)...)
		stop := h.run(h.service(), identity("copy", 1))
		h.read("out", 1000)
		stop()
		h.produce("in", numbers(1000, 2000)...)
		h.run(h.service(), identity("copy", 1))
		h.once(h.read("out", 2000), numbers(0, 2000))
	})
}

func TestATaskIsToldHowManyPartitionsTheInputsHave(t *testing.T) {
	h := newHouse(t, 3, "in", "out")
	tasks := make(chan process.Task, 3)
	p := identity("told", 2)
	inner := p.New
	p.New = func(task process.Task) process.Handler {
		tasks <- task
		return inner(task)
	}
	h.run(h.service(), p)
	got := map[process.Task]bool{}
	for range 3 {
		got[<-tasks] = true
	}
	for partition := range int32(3) {
		if want := (process.Task{Processor: "told", Version: 2, Partition: partition, Partitions: 3}); !got[want] {
			t.Errorf("tasks %v, want one of them %v", got, want)
		}
	}
}

func TestARecordOnWhichTheCodeFailsBecomesADeadLetter(t *testing.T) {
	virtual(t, 1, func(h *house) {
		p := identity("picky", 1)
		p.Policy = process.Policy{Attempts: 2, Backoff: time.Millisecond}
		inner := p.New(process.Task{})
		p.New = func(process.Task) process.Handler {
			return process.HandlerFunc(func(s process.Step, r *kgo.Record) error {
				if err := inner.Handle(s, r); err != nil {
					return err
				}
				switch string(r.Value) {
				case "3":
					return errors.New("three is not taken")
				case "5":
					panic("five")
				}
				return nil
			})
		}
		h.produce("in", numbers(0, 10)...)
		h.run(h.service(), p)
		rs := h.read("out", 8)
		h.once(rs, []string{"0", "1", "2", "4", "6", "7", "8", "9"})
		for _, r := range h.read("dlq.picky", 2) {
			t.Logf("%s %v", r.Value, r.Headers)
		}
	})
}
