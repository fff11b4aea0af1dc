package client_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/client"
	"github.com/evidentlog/evident/event"
	"github.com/evidentlog/evident/evidenttest"
)

// patience is how long a test waits for what must happen. It is long, because machines
// can be slow; nothing waits for it to pass.
const patience = 3 * time.Minute

// fixture is a node, a client of it, and a context that ends with the test.
type fixture struct {
	*testing.T
	ctx context.Context
	c   *client.Client
}

func start(t *testing.T, opts ...client.Option) *fixture {
	t.Helper()
	n := evidenttest.Start(t)
	return connect(t, n.Client().Opts(), opts...)
}

func connect(t *testing.T, kafka []kgo.Opt, opts ...client.Option) *fixture {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	t.Cleanup(cancel)
	opts = append([]client.Option{client.WithKafka(kafka...), client.WithKafka(kgo.MetadataMinAge(20 * time.Millisecond)), client.WithSource("/test")}, opts...)
	c, err := client.Connect(ctx, nil, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return &fixture{t, ctx, c}
}

func (f *fixture) admin() *kadm.Client { return kadm.NewClient(f.c.Kafka()) }

func (f *fixture) topic(name string, partitions int32, configs ...string) {
	f.Helper()
	settings := map[string]*string{}
	for i := 0; i+1 < len(configs); i += 2 {
		settings[configs[i]] = &configs[i+1]
	}
	if _, err := f.admin().CreateTopic(f.ctx, partitions, -1, settings, name); err != nil {
		f.Fatal(err)
	}
}

// produce writes events with these ids and their keys "k0", "k1", … by turns.
func (f *fixture) produce(topic string, keys int, ids ...string) []client.Position {
	f.Helper()
	events := make([]*event.Event, len(ids))
	for i, id := range ids {
		events[i] = &event.Event{ID: id, Type: "t", Subject: fmt.Sprintf("k%d", i%keys), DataContentType: "application/json", Data: []byte(`{"n":1}`)}
	}
	at, err := f.c.Producer().Produce(f.ctx, topic, events...)
	if err != nil {
		f.Fatal(err)
	}
	return at
}

func ids(prefix string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("%s%d", prefix, i)
	}
	return all
}

func (f *fixture) consumer(group, topic string, h client.Handler, opts ...client.ConsumerOption) *client.Consumer {
	f.Helper()
	c, err := f.c.Consumer(group, []string{topic}, h, opts...)
	if err != nil {
		f.Fatal(err)
	}
	return c
}

// run runs a consumer until stop is called, which waits for its end and returns its
// error.
func (f *fixture) run(c *client.Consumer) (stop func() error) {
	ctx, cancel := context.WithCancel(f.ctx)
	ended := make(chan error, 1)
	go func() {
		err := c.Run(ctx)
		if err != nil {
			f.Errorf("a consumer ended: %v", err)
		}
		ended <- err
	}()
	stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	f.Cleanup(func() { _ = stop() })
	return stop
}

// await waits until a condition holds.
func (f *fixture) await(what string, holds func() bool) {
	f.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			f.Fatalf("in vain: %s", what)
		}
	}
}

// committed is the group's offset of a partition; -1 without one.
func (f *fixture) committed(group, topic string, partition int32) int64 {
	f.Helper()
	offsets, err := f.admin().FetchOffsets(kadm.RequireStable(f.ctx), group)
	for err != nil && f.ctx.Err() == nil { // a machine that stands still for long breaks requests off
		offsets, err = f.admin().FetchOffsets(kadm.RequireStable(f.ctx), group)
	}
	if err != nil {
		f.Fatal(err)
	}
	if o, ok := offsets.Lookup(topic, partition); ok {
		return o.At
	}
	return -1
}

// read reads n committed records of a topic from its start.
func (f *fixture) read(topic string, n int) []*kgo.Record {
	f.Helper()
	k, err := kgo.NewClient(append(f.c.Kafka().Opts(), kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))...)
	if err != nil {
		f.Fatal(err)
	}
	defer k.Close()
	ctx, cancel := context.WithTimeout(f.ctx, patience)
	defer cancel()
	var records []*kgo.Record
	for len(records) < n {
		fetches := k.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			f.Fatalf("%d of %d records of %s: %v", len(records), n, topic, err)
		}
		records = append(records, fetches.Records()...)
	}
	return records
}

func eventOf(t testing.TB, r *kgo.Record) event.Event {
	t.Helper()
	headers := make([]event.Header, len(r.Headers))
	for i, h := range r.Headers {
		headers[i] = event.Header(h)
	}
	e, err := event.FromRecord(&event.Record{Key: r.Key, Value: r.Value, Headers: headers})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// end is where a topic's first partition ends; -1 if that cannot be told just now.
func (f *fixture) end(topic string) int64 {
	ends, err := f.admin().ListEndOffsets(f.ctx, topic)
	if o, ok := ends.Lookup(topic, 0); err == nil && ok && o.Err == nil {
		return o.Offset
	}
	return -1
}
