package processors

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/process/history"
)

var (
	timers   = flag.Bool("timers", true, "records also set timers")
	faults   = flag.Int("faults", 20, "how many things go wrong")
	seed     = flag.Uint64("seed", uint64(time.Now().UnixNano()), "of what goes wrong, and of the records")
	standbys = flag.Int("standbys", 1, "how many other nodes keep a copy of each task's state")
)

// A field is workers on a cluster, and what goes wrong there.
type field struct {
	*testing.T
	rng      *rand.Rand
	topics   history.Topics
	producer *kgo.Client
	workers  []*worker
	deck     []int // what goes wrong next

	kills, pauses, stops, brokers int // how often each went wrong
}

func newField(t *testing.T) *field {
	name := fmt.Sprintf("recorder-%d", time.Now().UnixNano())
	f := &field{T: t, rng: rand.New(rand.NewPCG(*seed, 0)), topics: createTopics(t, name, 6)}
	f.producer = newClient(t, kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)))
	program := build(t)
	for range 3 {
		f.workers = append(f.workers, newWorker(t, program, name, *standbys))
	}
	return f
}

// Nodes are killed, paused until the group has gone on without them, and stopped in
// order; of three brokers, one after the other is killed.
func TestEachRecordHasItsEffectOnceWhateverHappensToNodesAndBrokers(t *testing.T) {
	f := newField(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	loaded := make(chan error, 1)
	go func() { loaded <- load(ctx, f.producer, f.topics.Inputs[0], *seed, work) }()
	for range *faults {
		time.Sleep(time.Duration(f.rng.IntN(3000)) * time.Millisecond)
		f.disturb()
	}
	cancel()
	if err := <-loaded; err != nil {
		t.Fatal(err)
	}
	f.settle()
}

// disturb makes one thing go wrong, and right again.
func (f *field) disturb() {
	w := f.workers[f.rng.IntN(len(f.workers))]
	switch n := f.draw(); {
	case n < 4:
		f.Logf("%s is killed", w.data)
		w.kill()
		f.kills++
		time.Sleep(time.Duration(f.rng.IntN(4000)) * time.Millisecond)
		w.start()
	case n < 6:
		d := time.Duration(6000+f.rng.IntN(8000)) * time.Millisecond // the session is 6 s
		f.Logf("%s is paused for %v", w.data, d)
		w.pause(d)
		f.pauses++
	case n < 8 && brokerCount(f.T) > 1:
		number := 1 + f.rng.IntN(brokerCount(f.T))
		f.Logf("broker %d is killed", number)
		restartBroker(f.T, number, time.Duration(f.rng.IntN(5000))*time.Millisecond)
		f.brokers++
	default:
		f.Logf("%s is stopped", w.data)
		w.stop()
		f.stops++
		time.Sleep(time.Duration(f.rng.IntN(2000)) * time.Millisecond)
		w.start()
	}
}

// draw deals ten cards, and then ten again, so that each kind of thing goes wrong as often
// as it should.
func (f *field) draw() int {
	if len(f.deck) == 0 {
		f.deck = f.rng.Perm(10)
	}
	n := f.deck[0]
	f.deck = f.deck[1:]
	return n
}

// settle waits until nothing is left to be done, and wants all to be right.
func (f *field) settle() {
	var h history.History
	var found []history.Violation
	var err error
	for end := time.Now().Add(5 * time.Minute); time.Now().Before(end); time.Sleep(3 * time.Second) {
		if h, err = f.read(); err != nil {
			f.Logf("reading what there is, which is tried again: %v", err) // leaders may be on the move still
			continue
		}
		if found = history.Check(h); len(found) == 0 {
			break
		}
	}
	if err != nil {
		f.Fatal(err)
	}
	f.Logf("%d records, %d steps, %d outputs, %d changes, %d dead letters: %d nodes killed, %d paused, %d stopped, %d brokers killed, tasks went elsewhere %d times: %d violations (seed %d)",
		len(h.Inputs), len(h.Notes), len(h.Outputs), len(h.Changes), len(h.Dead), f.kills, f.pauses, f.stops, f.brokers, h.Moves(), len(found), *seed)
	if len(h.Inputs) == 0 || h.Moves() == 0 {
		f.Errorf("%d records were written, and tasks went elsewhere %d times: nothing is shown", len(h.Inputs), h.Moves())
	}
	for _, v := range found[:min(len(found), 20)] {
		f.Error(v)
	}
	if len(found) > 0 {
		f.dump(h)
	}
}

// read reads the history: a million notes take a minute on a busy machine, a partition that
// cannot be read for ever.
func (f *field) read() (history.History, error) {
	ctx, cancel := context.WithTimeout(f.Context(), 4*time.Minute)
	defer cancel()
	return history.Read(ctx, reach(f.T), f.topics)
}

// dump keeps the notes and the workers' logs for whoever looks for the cause.
func (f *field) dump(h history.History) {
	dir, err := os.MkdirTemp("", "evident-processors-")
	if err != nil {
		f.Fatal(err)
	}
	var notes strings.Builder
	for _, n := range h.Notes {
		fmt.Fprintf(&notes, "%v %s %+v\n", time.UnixMilli(n.Wall).UTC().Format(time.StampMilli), n.At, n)
	}
	files := map[string][]byte{"notes": []byte(notes.String())}
	for i, w := range f.workers {
		text, err := os.ReadFile(w.log)
		if err != nil {
			f.Error(err)
		}
		files[fmt.Sprint("worker-", i)] = slices.Concat([]byte(w.data+"\n"), text)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			f.Error(err)
		}
	}
	f.Logf("notes and logs are kept in %s", dir)
}
