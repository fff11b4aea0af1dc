package client_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/evidentlog/evident/client"
	"github.com/evidentlog/evident/event"
)

// quick is a policy without real pauses.
func quick(attempts int) client.ConsumerOption {
	return client.Retry(client.Policy{Attempts: attempts, Backoff: time.Millisecond, MaxBackoff: 2 * time.Millisecond})
}

func TestEventsAreHandledAndTheirOffsetsCommitted(t *testing.T) {
	for name, opts := range map[string][]client.ConsumerOption{"at least once": nil, "exactly once": {client.ExactlyOnce()}} {
		t.Run(name, func(t *testing.T) {
			f := start(t)
			f.topic("in", 2)
			f.topic("out", 1)
			f.produce("in", 5, ids("e", 100)...)
			c := f.consumer("g", "in", func(_ context.Context, m *client.Message) error {
				return m.Emit("out", &event.Event{Type: "seen", Subject: m.ID})
			}, append(opts, client.Concurrency(4))...)
			stop := f.run(c)
			seen := map[string]bool{}
			for _, r := range f.read("out", 100) {
				e := eventOf(t, r)
				seen[e.Subject] = true
				cause, _ := e.Extension(event.CausationID)
				flow, _ := e.Extension(event.CorrelationID)
				if cause.String() != e.Subject || flow.String() != e.Subject || e.Source != "/test" || e.ID == "" {
					t.Fatalf("%+v", e)
				}
			}
			f.await("all committed", func() bool { return f.committed("g", "in", 0)+f.committed("g", "in", 1) >= 100 })
			if err := stop(); err != nil || len(seen) != 100 {
				t.Fatal(err, len(seen))
			}
			if s := c.Stats(); s.Handled != 100 || s.Emitted != 100 || s.Failed != 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// A record on which the handler always fails is tried as often as the policy says, then
// written to the dead letters with all that it had, and those behind it are handled.
func TestPoisonNeverLoops(t *testing.T) {
	for name, opts := range map[string][]client.ConsumerOption{"at least once": nil, "exactly once": {client.ExactlyOnce()}} {
		for how, poison := range map[string]struct {
			handle func() error
			tries  int
		}{
			"error":     {func() error { return errors.New("bad") }, 3},
			"permanent": {func() error { return client.Permanent(errors.New("bad")) }, 1},
			"panic":     {func() error { panic("bad") }, 3},
			"exit":      {func() error { runtime.Goexit(); return nil }, 1},
		} {
			t.Run(name+", "+how, func(t *testing.T) {
				f := start(t)
				f.topic("in", 1)
				f.produce("in", 1, ids("e", 10)...)
				var tries atomic.Int64
				c := f.consumer("g", "in", func(_ context.Context, m *client.Message) error {
					if m.ID != "e4" {
						return nil
					}
					tries.Add(1)
					if m.Emit("nowhere", &event.Event{Type: "never"}) != nil {
						t.Error("no emission")
					}
					return poison.handle()
				}, append(opts, quick(3))...)
				stop := f.run(c)
				f.await("all committed", func() bool { return f.committed("g", "in", 0) >= 10 })
				r := f.read("dlq.g", 1)[0]
				if err := stop(); err != nil {
					t.Fatal(err)
				}
				e := eventOf(t, r)
				headers := make([]event.Header, len(r.Headers))
				for i, h := range r.Headers {
					headers[i] = event.Header(h)
				}
				d, ok := event.DeadLetterOf(headers)
				if !ok || e.ID != "e4" || string(r.Key) != "k0" || d.Topic != "in" || d.Partition != 0 || d.Offset != 4 || d.Group != "g" || d.Attempts != poison.tries || d.Reason == "" || d.Time.IsZero() {
					t.Errorf("%+v, %+v", e, d)
				}
				if (d.Stack != "") != (how == "panic") {
					t.Errorf("stack %q", d.Stack)
				}
				if int(tries.Load()) != poison.tries {
					t.Errorf("%d attempts, want %d", tries.Load(), poison.tries)
				}
				if s := c.Stats(); s.DeadLetters != 1 || s.Handled != 9 || s.Failed != int64(poison.tries) {
					t.Errorf("%+v", s)
				}
			})
		}
	}
}

// Events of one key are handled in order and never two at a time, also when attempts
// fail, while those of others overtake them.
func TestOrderPerKeyUnderConcurrency(t *testing.T) {
	f := start(t)
	f.topic("in", 3)
	const events, keys = 600, 7
	f.produce("in", keys, ids("e", events)...)
	var mu sync.Mutex
	last := map[string]int{}
	busy := map[string]bool{}
	failed := map[string]int{}
	c := f.consumer("g", "in", func(_ context.Context, m *client.Message) error {
		var n int
		if _, err := fmt.Sscanf(m.ID, "e%d", &n); err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		if busy[m.Subject] {
			t.Errorf("two events of %s at a time", m.Subject)
		}
		busy[m.Subject] = true
		mu.Unlock()
		runtime.Gosched()
		mu.Lock()
		busy[m.Subject] = false
		if n%5 == 0 && failed[m.ID] < 2 {
			failed[m.ID]++
			return errors.New("not yet")
		}
		if before, ok := last[m.Subject]; ok && before != n-keys || !ok && n >= keys {
			t.Errorf("%s: event %d after %d", m.Subject, n, before)
		}
		last[m.Subject] = n
		return nil
	}, client.Concurrency(8), quick(5), client.Buffer(50))
	stop := f.run(c)
	f.await("all handled", func() bool { return c.Stats().Handled == events })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if s := c.Stats(); s.Failed != 2*events/5 {
		t.Errorf("%+v", s)
	}
}
