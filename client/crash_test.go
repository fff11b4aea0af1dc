package client_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/evidentlog/evident/client"
	"github.com/evidentlog/evident/event"
)

// database is effects, and marks that are made in one transaction with them.
type database struct {
	mu      sync.Mutex
	effects map[string]int
	marks   map[string]bool
}

func newDatabase() *database {
	return &database{effects: map[string]int{}, marks: map[string]bool{}}
}

// once makes an effect and its mark, or says that they are made.
func (d *database) once(id string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.marks[id] {
		return client.ErrRepeated
	}
	d.marks[id] = true
	d.effects[id]++
	return nil
}

// again makes an effect without a mark.
func (d *database) again(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.effects[id]++
}

func (d *database) counts() (events, effects int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, n := range d.effects {
		effects += n
	}
	return len(d.effects), effects
}

// A consumer that dies between effects and commit leaves them to be made again; with a
// mark in the effect's own transaction they are made once, and what is emitted comes out
// with the same ids.
func TestACrashBetweenEffectAndCommit(t *testing.T) {
	const events = 20
	for name, marked := range map[string]bool{"without marks": false, "marks with the effects": true} {
		t.Run(name, func(t *testing.T) {
			f := start(t)
			f.topic("in", 1)
			f.topic("out", 1)
			f.produce("in", 3, ids("e", events)...)
			d := newDatabase()
			handle := func(_ context.Context, m *client.Message) error {
				if err := m.Emit("out", &event.Event{Type: "done", Subject: m.ID}); err != nil {
					return err
				}
				if marked {
					return d.once(m.ID)
				}
				d.again(m.ID)
				return nil
			}
			dying, line := f.another()
			var seen atomic.Int64
			ctx, cancel := context.WithCancel(f.ctx)
			crashed := dying.consumer("g", "in", func(ctx context.Context, m *client.Message) error {
				err := handle(ctx, m)
				if seen.Add(1) == events/2 { // nothing that it does from here on reaches the log
					line.cut()
					cancel()
				}
				return err
			}, client.Grace(0), sameMember())
			_ = crashed.Run(ctx)
			before := f.committed("g", "in", 0)
			if before >= events/2 {
				t.Fatalf("offset %d was committed", before)
			}
			stop := f.run(f.consumer("g", "in", handle, sameMember()))
			f.await("all committed", func() bool { return f.committed("g", "in", 0) == events })
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			n, effects := d.counts()
			if n != events || marked && effects != events || !marked && effects <= events {
				t.Errorf("%d effects of %d events", effects, n)
			}
			byID := map[string]string{}
			for _, r := range f.read("out", events) {
				e := eventOf(t, r)
				if other, twice := byID[e.ID]; twice && other != e.Subject {
					t.Errorf("one id for %s and %s", other, e.Subject)
				}
				byID[e.ID] = e.Subject
			}
			if len(byID) != events {
				t.Errorf("%d ids of %d events", len(byID), events)
			}
		})
	}
}

// Exactly once, whoever dies: each event has one output, for readers of committed
// records.
func TestACrashWithinATransactionLeavesNothing(t *testing.T) {
	const events = 60
	f := start(t)
	f.topic("in", 2)
	f.topic("out", 1)
	f.produce("in", 7, ids("e", events)...)
	handle := func(_ context.Context, m *client.Message) error {
		return m.Emit("out", &event.Event{Type: "done", Subject: m.ID})
	}
	for round := range 3 {
		dying, line := f.another()
		ctx, cancel := context.WithCancel(f.ctx)
		var seen atomic.Int64
		c := dying.consumer("g", "in", func(ctx context.Context, m *client.Message) error {
			if seen.Add(1) == int64(8+round) {
				line.cut()
				cancel()
			}
			return handle(ctx, m)
		}, client.ExactlyOnce(), client.Buffer(5), client.Grace(0), sameMember())
		_ = c.Run(ctx)
	}
	stop := f.run(f.consumer("g", "in", handle, client.ExactlyOnce(), client.Buffer(5), sameMember()))
	f.await("all committed", func() bool { return f.committed("g", "in", 0)+f.committed("g", "in", 1) >= events })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	f.produce("out", 1, "last")
	outputs := map[string]int{}
	for last := false; !last; {
		for _, r := range f.read("out", events+1) {
			e := eventOf(t, r)
			outputs[e.Subject]++
			last = last || e.ID == "last"
		}
	}
	for _, id := range ids("e", events) {
		if outputs[id] != 1 {
			t.Errorf("%d outputs of %s", outputs[id], id)
		}
	}
}

// A memory of handled events that fails gives no event up; one that works leaves out
// what a producer wrote twice.
func TestRepetitionsAreLeftOut(t *testing.T) {
	f := start(t)
	f.topic("in", 1)
	f.produce("in", 1, "a", "b", "a", "c", "b")
	var handled atomic.Int64
	memory := &flaky{memory: client.SeenInMemory(100)}
	c := f.consumer("g", "in", func(context.Context, *client.Message) error {
		handled.Add(1)
		return nil
	}, client.Deduplicate(memory), quick(1))
	stop := f.run(c)
	f.await("all committed", func() bool { return f.committed("g", "in", 0) == 5 })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if s := c.Stats(); handled.Load() != 3 || s.Handled != 3 || s.Repeated != 2 || s.DeadLetters != 0 {
		t.Errorf("%d, %+v", handled.Load(), s)
	}
}

// flaky fails every other time.
type flaky struct {
	memory client.Seen
	calls  atomic.Int64
}

func (f *flaky) fails() error {
	if n := f.calls.Add(1); n%2 == 1 {
		return fmt.Errorf("call %d: %w", n, errors.New("no database"))
	}
	return nil
}

func (f *flaky) Seen(ctx context.Context, source, id string) (bool, error) {
	if err := f.fails(); err != nil {
		return false, err
	}
	return f.memory.Seen(ctx, source, id)
}

func (f *flaky) Mark(ctx context.Context, source, id string) error {
	if err := f.fails(); err != nil {
		return err
	}
	return f.memory.Mark(ctx, source, id)
}
