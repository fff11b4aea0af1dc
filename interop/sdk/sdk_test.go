package sdk

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/evidentlog/evident/client"
	"github.com/evidentlog/evident/event"
	"github.com/evidentlog/evident/evidenttest"
)

const variable = "EVIDENT_CONFORMANCE_BROKERS"

// connect returns a client of the peer, and a prefix for topics and groups that nobody
// had before.
func connect(t *testing.T) (context.Context, *client.Client, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	var brokers []string
	var opts []client.Option
	if peer := os.Getenv(variable); peer != "" {
		brokers = strings.Split(peer, ",")
	} else {
		opts = append(opts, client.WithKafka(evidenttest.Start(t).Client().Opts()...))
	}
	c, err := client.Connect(ctx, brokers, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return ctx, c, fmt.Sprintf("sdk-%d-", time.Now().UnixNano())
}

func create(t *testing.T, ctx context.Context, c *client.Client, partitions int32, compacted bool, topics ...string) {
	t.Helper()
	configs := map[string]*string{}
	if compact := "compact"; compacted {
		configs["cleanup.policy"] = &compact
	}
	answers, err := kadm.NewClient(c.Kafka()).CreateTopics(ctx, partitions, -1, configs, topics...)
	if err == nil {
		err = answers.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Each event comes out once, in the order of its key, and the one that cannot be
// handled is a dead letter, in both modes.
func TestHandlersOnTheWayFromTopicToTopic(t *testing.T) {
	for name, opts := range map[string][]client.ConsumerOption{"at least once": nil, "exactly once": {client.ExactlyOnce()}} {
		t.Run(name, func(t *testing.T) {
			ctx, c, prefix := connect(t)
			in, out := prefix+"in", prefix+"out"
			create(t, ctx, c, 3, false, in, out)
			const events = 500
			var all []*event.Event
			for i := range events {
				all = append(all, &event.Event{ID: fmt.Sprint(i), Type: "t", Subject: fmt.Sprint("k", i%10)})
			}
			if _, err := c.Producer().Produce(ctx, in, all...); err != nil {
				t.Fatal(err)
			}
			handler, err := c.Consumer(prefix+"g", []string{in}, func(_ context.Context, m *client.Message) error {
				if m.ID == "7" {
					return client.Permanent(fmt.Errorf("event %s is bad", m.ID))
				}
				return m.Emit(out, &event.Event{Type: "done", Subject: m.ID, Source: "/" + m.Subject})
			}, append(opts, client.Concurrency(4))...)
			if err != nil {
				t.Fatal(err)
			}
			collector := collect(t, ctx, c, prefix, out, events-1)
			running, stop := context.WithCancel(ctx)
			ended := make(chan error, 1)
			go func() { ended <- handler.Run(running) }()
			got := collector()
			stop()
			if err := <-ended; err != nil {
				t.Fatal(err)
			}
			for id, n := range got {
				if n != 1 || id == "7" {
					t.Errorf("%d outputs of %s", n, id)
				}
			}
			if s := handler.Stats(); len(got) != events-1 || s.DeadLetters != 1 {
				t.Errorf("%d outputs, %+v", len(got), s)
			}
		})
	}
}

// collect counts the subjects of a topic's events until there are so many.
func collect(t *testing.T, ctx context.Context, c *client.Client, prefix, topic string, events int) func() map[string]int {
	t.Helper()
	ctx, stop := context.WithCancel(ctx)
	var mu sync.Mutex
	got := map[string]int{}
	consumer, err := c.Consumer(prefix+"collector", []string{topic}, func(_ context.Context, m *client.Message) error {
		mu.Lock()
		defer mu.Unlock()
		got[m.Subject]++
		if len(got) == events {
			stop()
		}
		return nil
	}, client.NoDeadLetters())
	if err != nil {
		t.Fatal(err)
	}
	return func() map[string]int {
		if err := consumer.Run(ctx); err != nil {
			t.Error(err)
		}
		return got
	}
}

func TestRequestsAndTables(t *testing.T) {
	ctx, c, prefix := connect(t)
	questions, answers, prices := prefix+"questions", prefix+"answers", prefix+"prices"
	create(t, ctx, c, 2, false, questions, answers)
	create(t, ctx, c, 2, true, prices)
	table, err := client.OpenTable[int](c, prices)
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	at, err := c.Producer().Produce(ctx, prices, &event.Event{Type: "t", Subject: "tea", Data: []byte("350")})
	if err != nil {
		t.Fatal(err)
	}
	if err := table.WaitFor(ctx, at[0]); err != nil {
		t.Fatal(err)
	}
	server, err := c.Consumer(prefix+"clerk", []string{questions}, client.Answer(func(_ context.Context, m *client.Message) (*event.Event, error) {
		cents, ok := table.Get(m.Subject)
		if !ok {
			return nil, client.Refuse("there is none")
		}
		return &event.Event{Type: "price", Data: fmt.Append(nil, cents)}, nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- server.Run(running) }()
	requester, err := c.Requester(ctx, answers)
	if err != nil {
		t.Fatal(err)
	}
	defer requester.Close()
	for range 20 {
		if a, err := requester.Request(ctx, questions, &event.Event{Type: "ask", Subject: "tea"}); err != nil || string(a.Data) != "350" {
			t.Fatalf("%s, %v", a.Data, err)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}
