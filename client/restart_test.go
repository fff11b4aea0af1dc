package client_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/evidentlog/evident/client"
	"github.com/evidentlog/evident/event"
)

// A broker that stops and starts again, while events are handled, written, asked and
// followed, costs time and nothing else.
func TestABrokerThatComesBackIsGoneOnWith(t *testing.T) {
	for name, opts := range map[string][]client.ConsumerOption{"at least once": nil, "exactly once": {client.ExactlyOnce(), client.Buffer(20)}} {
		t.Run(name, func(t *testing.T) {
			f, node := startRestartable(t)
			f.topic("in", 2)
			f.topic("answers", 1)
			f.topic("prices", 1, "cleanup.policy", "compact")
			table := openPrices(f)
			f.put("prices", "a", 1)
			if err := table.Wait(f.ctx); err != nil {
				t.Fatal(err)
			}
			r, err := f.c.Requester(f.ctx, "answers")
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			var mu sync.Mutex
			handled := map[string]int{}
			answer := client.Answer(func(_ context.Context, m *client.Message) (*event.Event, error) {
				mu.Lock()
				defer mu.Unlock()
				handled[m.ID]++
				return &event.Event{Type: "answer"}, nil
			})
			c := f.consumer("g", "in", answer, append(opts, client.Concurrency(4))...)
			stop := f.run(c)
			var asking sync.WaitGroup
			for _, id := range ids("e", 40) {
				asking.Go(func() {
					if _, err := r.Request(f.ctx, "in", &event.Event{ID: id, Type: "ask", Subject: id}); err != nil {
						t.Error(err)
					}
				})
			}
			for range 3 {
				node.stop()
				node.start()
				f.put("prices", "a", 2)
			}
			asking.Wait()
			f.put("prices", "b", 3)
			if err := table.Wait(f.ctx); err != nil {
				t.Fatal(err)
			}
			if v, _ := table.Get("a"); v.Cents != 2 || table.Len() != 2 {
				t.Errorf("%v, %d keys", v, table.Len())
			}
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if len(handled) != 40 || c.Stats().DeadLetters != 0 {
				t.Errorf("%d events handled, %+v", len(handled), c.Stats())
			}
		})
	}
}

// Members that come and go while events fail and are tried again leave none out, and
// never handle two of one key at a time.
func TestRebalancesDuringRetries(t *testing.T) {
	const events, keys = 200, 11
	f := start(t)
	f.topic("in", 4)
	f.produce("in", keys, ids("e", events)...)
	var mu sync.Mutex
	busy, done, failed := map[string]bool{}, map[string]bool{}, map[string]int{}
	order := map[string]int{}
	handle := func(_ context.Context, m *client.Message) error {
		var n int
		if _, err := fmt.Sscanf(m.ID, "e%d", &n); err != nil {
			return client.Permanent(err)
		}
		mu.Lock()
		if busy[m.Subject] {
			t.Errorf("two events of %s at a time", m.Subject)
		}
		busy[m.Subject] = true
		mu.Unlock()
		time.Sleep(time.Millisecond) // work
		mu.Lock()
		defer mu.Unlock()
		busy[m.Subject] = false
		if n%7 == 0 && failed[m.ID] < 3 {
			failed[m.ID]++
			return fmt.Errorf("attempt %d", failed[m.ID])
		}
		if !done[m.ID] && n >= keys && !done[fmt.Sprint("e", n-keys)] {
			t.Errorf("%s before the one before it", m.ID)
		}
		done[m.ID] = true
		order[m.Subject] = n
		return nil
	}
	member := func() *client.Consumer {
		return f.consumer("g", "in", handle, client.Concurrency(3), client.Buffer(20),
			client.Retry(client.Policy{Attempts: 100, Backoff: time.Millisecond, MaxBackoff: 20 * time.Millisecond}))
	}
	first := f.run(member())
	f.await("some are handled", func() bool { mu.Lock(); defer mu.Unlock(); return len(done) > 20 })
	second := f.run(member())
	f.await("more are handled", func() bool { mu.Lock(); defer mu.Unlock(); return len(done) > 60 })
	if err := first(); err != nil {
		t.Fatal(err)
	}
	third := f.run(member())
	f.await("all are handled", func() bool { mu.Lock(); defer mu.Unlock(); return len(done) == events })
	for _, stop := range []func() error{second, third} {
		if err := stop(); err != nil {
			t.Fatal(err)
		}
	}
	sum := int64(0)
	for n := range int32(4) {
		sum += max(f.committed("g", "in", n), 0)
	}
	if sum != events {
		t.Errorf("committed %d of %d", sum, events)
	}
}

// A handler that blocks is left behind and tried elsewhere; those of other keys go on
// meanwhile, and what it emits afterwards counts for nothing.
func TestAHandlerThatBlocksHarmsNobodyElse(t *testing.T) {
	f := start(t)
	f.topic("in", 1)
	f.produce("in", 5, ids("e", 10)...)
	release := make(chan struct{})
	emitted := make(chan error, 1)
	var blocked atomic.Bool
	c := f.consumer("g", "in", func(_ context.Context, m *client.Message) error {
		if m.ID == "e0" && blocked.CompareAndSwap(false, true) {
			<-release
			emitted <- m.Emit("out", &event.Event{Type: "too late"})
		}
		return nil
	}, client.Retry(client.Policy{Attempts: 100, Deadline: 10 * time.Millisecond, Backoff: time.Millisecond}))
	stop := f.run(c)
	f.await("all committed", func() bool { return f.committed("g", "in", 0) == 10 })
	if s := c.Stats(); s.LeftBehind < 1 || s.Handled != 10 || s.Failed < 1 {
		t.Errorf("%+v", s)
	}
	close(release)
	if err := <-emitted; err == nil {
		t.Error("emitted after the deadline")
	}
	f.await("it came back", func() bool { return c.Stats().LeftBehind == 0 })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
}
