package history

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/evidenttest"
	"github.com/evidentlog/evident/internal/process"
	"github.com/evidentlog/evident/internal/process/state"
	"github.com/evidentlog/evident/internal/vfs"
)

// An arena is a node on which runtimes work, each with a disk and a line of its own,
// while records come and things go wrong.
type arena struct {
	testing.TB
	node       *evidenttest.Node
	rng        *rand.Rand // of whoever makes things go wrong
	seed       uint64
	partitions int32
	// stateless has a processor without stores and timers, which may be given several
	// records at once.
	stateless   bool
	concurrency int
	standbys    int
	topics      Topics
	hosts       []*host
	admin       *kadm.Client
	began       time.Time
	deck        []fault // what goes wrong next
	injected    []*evidenttest.Injected
	tally       tally
}

func newArena(t testing.TB, n *evidenttest.Node, seed uint64) *arena {
	a := &arena{TB: t, node: n, seed: seed, began: time.Now(), rng: rand.New(rand.NewPCG(seed, 0)), tally: tally{}}
	a.partitions = 1 + a.rng.Int32N(3)
	a.stateless, a.concurrency = a.rng.IntN(4) == 0 || !*stateful, 1+a.rng.IntN(4)
	a.standbys = a.rng.IntN(2)
	a.topics = Topics{
		Inputs: []string{"in-1", "in-2"}[:1+a.rng.IntN(2)], Notes: "notes", Outputs: "outputs",
		Changelog: "evident-process.recorder.1.changelog", DeadLetters: "dlq.recorder", Group: "evident-process.recorder.1",
	}
	a.admin = kadm.NewClient(n.Client())
	made, err := a.admin.CreateTopics(t.Context(), a.partitions, 1, nil, append(a.topics.Inputs, "notes", "outputs")...)
	if err == nil {
		err = made.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1 + a.rng.IntN(3) {
		h := &host{arena: a, name: fmt.Sprint("host-", i), workers: 1 + a.rng.IntN(2), fs: vfs.NewMem()}
		a.hosts = append(a.hosts, h)
		t.Cleanup(h.kill)
		h.start()
	}
	return a
}

// processor is the one under test.
func (a *arena) processor(by string) process.Processor {
	p := process.Processor{
		Name: "recorder", Version: 1, Inputs: a.topics.Inputs, Policy: process.Policy{Backoff: 5 * time.Millisecond},
	}
	recorder := func(t process.Task) *Recorder {
		return &Recorder{Task: t, Notes: a.topics.Notes, Outputs: a.topics.Outputs, By: by, Stateless: a.stateless}
	}
	if a.stateless {
		p.Concurrency = a.concurrency
		p.New = func(t process.Task) process.Handler { return process.HandlerFunc(recorder(t).Handle) }
		return p
	}
	p.Timers, p.Standbys = true, a.standbys
	p.Stores = []process.StoreConfig{{Name: Store}}
	p.New = func(t process.Task) process.Handler { return recorder(t) }
	return p
}

// A host is one runtime, as on a machine of its own.
type host struct {
	arena   *arena
	name    string
	workers int
	fs      *vfs.Mem
	line    *line // nil while it is down
	memory  *state.Memory
	cancel  context.CancelFunc
	ended   chan error
}

// start starts the runtime on its disk.
func (h *host) start() {
	l := newLine(h.arena.node.Dial)
	h.line, h.ended = l, make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	h.cancel, h.memory = cancel, state.NewMemory(state.Limits{})
	s, err := process.New(process.Config{
		Client: func(opts ...kgo.Opt) (*kgo.Client, error) {
			return kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers("embedded:9092"), kgo.Dialer(l.connect)}, opts...)...)
		},
		FS: h.fs, Dir: "/state", Memory: h.memory, Instance: h.name, Workers: h.workers,
		Logger: slog.New(slog.NewTextHandler(h.arena.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})).With("host", h.name),
	})
	if err != nil {
		h.arena.Fatal(err)
	}
	go func() { h.ended <- s.Run(ctx, h.arena.processor(h.name)) }() // stop and kill wait for it
}

// stop stops the runtime in order.
func (h *host) stop() {
	if h.line == nil {
		return
	}
	h.cancel()
	if err := <-h.ended; err != nil {
		h.arena.Errorf("%s ended: %v", h.name, err)
	}
	h.memory.Close()
	h.line = nil
}

// kill ends the runtime as kill -9 and a power cut do: nothing more of it reaches the
// broker or its disk.
func (h *host) kill() {
	if h.line == nil {
		return
	}
	h.line.kill()
	h.fs = h.fs.Crash(vfs.KeepRandom(h.arena.rng.Uint64()))
	h.cancel()
	<-h.ended // whatever it says: it is dead
	h.memory.Close()
	h.line = nil
}

// load writes records of random work to the inputs, a few at a time, until ctx ends.
func (a *arena) load(ctx context.Context) error {
	rng := rand.New(rand.NewPCG(a.seed, 1))
	cl := a.node.Client(kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)))
	for ; ctx.Err() == nil; time.Sleep(time.Duration(rng.IntN(loadPace)) * time.Millisecond) {
		var some []*kgo.Record
		for range 1 + rng.IntN(12) {
			some = append(some, &kgo.Record{
				Topic: a.topics.Inputs[rng.IntN(len(a.topics.Inputs))], Value: RandomWork(rng),
				Key: fmt.Append(nil, "key-", rng.IntN(9)),
			})
		}
		if err := cl.ProduceSync(a.Context(), some...).FirstErr(); err != nil {
			return err
		}
	}
	return nil
}

// loadPace is the longest that nothing comes, in milliseconds.
const loadPace = 300
