package client_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/evidentlog/evident/client"
	"github.com/evidentlog/evident/event"
)

func echo(_ context.Context, m *client.Message) (*event.Event, error) {
	if string(m.Data) == "no" {
		return nil, client.Refuse("we do not do that")
	}
	return &event.Event{Type: "answer", Data: m.Data}, nil
}

// Many requesters share the partitions of a topic for answers, and each request gets
// its own answer, related to it.
func TestEachRequestGetsItsAnswer(t *testing.T) {
	for name, opts := range map[string][]client.ConsumerOption{"at least once": nil, "exactly once": {client.ExactlyOnce()}} {
		t.Run(name, func(t *testing.T) {
			f := start(t)
			f.topic("requests", 2)
			f.topic("answers", 3)
			f.run(f.consumer("server", "requests", client.Answer(echo), append(opts, client.Concurrency(4))...))
			var all sync.WaitGroup
			for n := range 10 {
				r, err := f.c.Requester(f.ctx, "answers")
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(r.Close)
				for i := range 10 {
					all.Go(func() {
						want := fmt.Sprintf("%d-%d", n, i)
						e := &event.Event{Type: "ask", Subject: want, Data: []byte(want)}
						a, err := r.Request(f.ctx, "requests", e)
						cause, _ := a.Extension(event.CausationID)
						flow, _ := a.Extension(event.CorrelationID)
						if err != nil || string(a.Data) != want || cause.String() != e.ID || flow.String() != e.ID {
							t.Errorf("%s: %+v, %v", want, a, err)
						}
					})
				}
			}
			all.Wait()
		})
	}
}

func TestARefusalIsAnAnswer(t *testing.T) {
	f := start(t)
	f.topic("requests", 1)
	f.topic("answers", 1)
	c := f.consumer("server", "requests", client.Answer(echo))
	stop := f.run(c)
	r, err := f.c.Requester(f.ctx, "answers")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	_, err = r.Request(f.ctx, "requests", &event.Event{Type: "ask", Data: []byte("no")})
	var refusal *client.Refusal
	var at *client.RequestError
	if !errors.As(err, &refusal) || refusal.Reason != "we do not do that" || !errors.As(err, &at) || at.Topic != "requests" || at.Offset != 0 {
		t.Fatalf("%v", err)
	}
	if err := stop(); err != nil || c.Stats().DeadLetters != 0 {
		t.Fatal(err, c.Stats())
	}
}

// A request that nobody answers in time ends with its context, and says where it lies;
// the answer that comes later, from a server that was started anew, is dropped and
// counted, and the next request gets its own.
func TestALateAnswerIsDropped(t *testing.T) {
	f := start(t)
	f.topic("requests", 1)
	f.topic("answers", 1)
	r, err := f.c.Requester(f.ctx, "answers")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ctx, cancel := context.WithCancel(f.ctx)
	ended := make(chan error, 1)
	go func() {
		_, err := r.Request(ctx, "requests", &event.Event{ID: "first", Type: "ask", Data: []byte("1")})
		ended <- err
	}()
	f.await("the request is written", func() bool { return f.end("requests") == 1 })
	cancel()
	err = <-ended
	var at *client.RequestError
	if !errors.Is(err, client.ErrNoAnswer) && !errors.Is(err, context.Canceled) || !errors.As(err, &at) || at.ID != "first" {
		t.Fatal(err)
	}
	f.run(f.consumer("server", "requests", client.Answer(echo)))
	a, err := r.Request(f.ctx, "requests", &event.Event{Type: "ask", Data: []byte("2")})
	if err != nil || string(a.Data) != "2" {
		t.Fatalf("%+v, %v", a, err)
	}
	if s := r.Stats(); s.Late != 1 || s.Waiting != 0 {
		t.Errorf("%+v", s)
	}
	r.Close()
	if _, err := r.Request(f.ctx, "requests", &event.Event{Type: "ask"}); !errors.Is(err, client.ErrClosed) {
		t.Error(err)
	}
}
