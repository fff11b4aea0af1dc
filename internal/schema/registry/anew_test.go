package registry_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/schema"
	"github.com/evidentlog/evident/internal/schema/registry"
	"github.com/evidentlog/evident/internal/schema/registry/record"
	"github.com/evidentlog/evident/internal/schema/registry/registrytest"
	"github.com/evidentlog/evident/internal/schema/registry/state"
)

// registerAgain registers as a client does that asks again when it is told to.
func registerAgain(t *testing.T, r *registry.Registry, subject, text string) *state.Version {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		registrytest.Leads(t, r)
		v, err := r.Register(ctx, name(subject), words(text), registry.Options{})
		switch {
		case err == nil:
			return v
		case ctx.Err() != nil, !isCode(err, registry.LeaderUnknown) && !isCode(err, registry.Timeout):
			t.Fatalf("%s %q: %v", subject, text, err)
		}
	}
}

// What a deleted topic had is not registered any more, and what the new one is said to
// have it has.
func TestATopicThatWasDeletedAndMadeAgainIsReadFromItsStart(t *testing.T) {
	w, cluster := newWorld(t)
	r, _ := w.Node()
	register(t, r, "s", "a")
	register(t, r, "s", "a b")
	if err := cluster.DeleteTopic(registry.Topic); err != nil {
		t.Fatal(err)
	}
	if err := cluster.CreateTopic(registry.Topic, 1, map[string]string{"cleanup.policy": "compact"}); err != nil {
		t.Fatal(err)
	}
	for i, text := range []string{"x", "x y"} {
		if v := registerAgain(t, r, "t", text); v.ID != i+1 || v.Version != i+1 {
			t.Errorf("%q is %+v", text, v)
		}
	}
	if r.State().Has(name("s"), true) {
		t.Error("the node still has what was deleted")
	}
	if left := compacted(t, w); len(left) != 2 {
		t.Errorf("the topic has %d keys", len(left))
	}
}

// What is registered is whole when the topic has lost what was read of it.
func TestATopicThatWasCutBackIsReadFromItsStart(t *testing.T) {
	w, cluster := newWorld(t)
	var told syncBuffer
	w.Log = slog.NewTextHandler(&told, nil)
	r, _ := w.Node()
	register(t, r, "s", "a")
	register(t, r, "t", "b")
	var once sync.Once
	cut := make(chan struct{})
	cluster.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (resp kmsg.Response, _ error, handled bool) {
		cluster.KeepControl()
		asked := req.(*kmsg.FetchRequest)
		if len(asked.Topics) == 0 || asked.Topics[0].Partitions[0].FetchOffset == 0 {
			return nil, nil, false
		}
		once.Do(func() {
			resp, handled = outOfRange(asked), true
			close(cut)
		})
		return resp, nil, handled
	})
	registerAgain(t, r, "u", "c") // so that there is another fetch
	<-cut
	for !strings.Contains(told.String(), "read again from the start") {
		select {
		case <-t.Context().Done():
			t.Fatal("it was not read again")
		case <-time.After(time.Millisecond):
		}
	}
	<-r.Read()
	for id := 1; id <= 3; id++ {
		if _, err := r.WithID(name(""), id); err != nil {
			t.Error(err)
		}
	}
	if v := registerAgain(t, r, "s", "a b"); v.ID != 4 || v.Version != 2 {
		t.Errorf("then it gave %+v", v)
	}
}

func outOfRange(asked *kmsg.FetchRequest) *kmsg.FetchResponse {
	resp := asked.ResponseKind().(*kmsg.FetchResponse)
	topic := kmsg.NewFetchResponseTopic()
	topic.Topic, topic.TopicID = asked.Topics[0].Topic, asked.Topics[0].TopicID
	part := kmsg.NewFetchResponseTopicPartition()
	part.ErrorCode = kerr.OffsetOutOfRange.Code
	topic.Partitions = append(topic.Partitions, part)
	resp.Topics = append(resp.Topics, topic)
	return resp
}

// syncBuffer is a buffer that several write.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// appendThen appends the next batch that is produced, and answers with something else.
func appendThen(t *testing.T, w *registrytest.World, cluster *kfake.Cluster, answer func(*kmsg.ProduceRequest) (kmsg.Response, error)) {
	t.Helper()
	_, c := admin(t, w)
	var batches atomic.Int32
	cluster.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		if batches.Add(1) > 1 {
			return nil, nil, false
		}
		produced := req.(*kmsg.ProduceRequest)
		cluster.SleepControl(func() {
			again := *produced
			if _, err := c.Broker(0).Request(t.Context(), &again); err != nil {
				t.Error(err)
			}
		})
		resp, err := answer(produced)
		return resp, err, true
	})
}

// times is how often the topic has a record of a version.
func times(t *testing.T, w *registrytest.World, subject string, version int) (n int) {
	t.Helper()
	key := record.Key{Type: record.Schema, Subject: subject, Version: version}.String()
	everyRecord(t, w, func(rec *kgo.Record) {
		if string(rec.Key) == key {
			n++
		}
	})
	return n
}

// An answer that is lost is no reason to write twice.
func TestABatchWhoseAnswerIsLostIsThereOnce(t *testing.T) {
	w, cluster := newWorld(t)
	r, _ := w.Node()
	register(t, r, "s", "a")
	appendThen(t, w, cluster, func(*kmsg.ProduceRequest) (kmsg.Response, error) {
		return nil, errors.New("the connection is gone")
	})
	if v := register(t, r, "s", "a b"); v.ID != 2 {
		t.Errorf("given was %+v", v)
	}
	if v := register(t, r, "s", "a b c"); v.ID != 3 || v.Version != 3 {
		t.Errorf("then %+v", v)
	}
	if n := times(t, w, "s", 2); n != 1 {
		t.Errorf("the version was written %d times", n)
	}
}

// The change behind one that was written, and answered with an error, has the sequence
// number of that one, if the turn went on: it would be taken for it.
func TestAfterAnErrorThatMayMeanThatItIsWrittenTheTurnEnds(t *testing.T) {
	w, cluster := newWorld(t)
	r, _ := w.Node()
	register(t, r, "s", "a")
	appendThen(t, w, cluster, func(asked *kmsg.ProduceRequest) (kmsg.Response, error) {
		resp := asked.ResponseKind().(*kmsg.ProduceResponse)
		topic := kmsg.NewProduceResponseTopic()
		topic.Topic, topic.TopicID = asked.Topics[0].Topic, asked.Topics[0].TopicID
		part := kmsg.NewProduceResponseTopicPartition()
		part.ErrorCode = kerr.UnknownServerError.Code
		topic.Partitions = append(topic.Partitions, part)
		resp.Topics = append(resp.Topics, topic)
		return resp, nil
	})
	if _, err := r.Register(t.Context(), name("s"), words("a b"), registry.Options{}); !isCode(err, registry.Timeout) {
		t.Fatalf("it answered %v", err)
	}
	if v := register(t, r, "t", "x"); v.ID != 3 || v.Version != 1 {
		t.Errorf("the next is %+v", v)
	}
	if n := times(t, w, "t", 1); n != 1 {
		t.Errorf("the next was written %d times", n)
	}
}

// A registry that begins to write during the turn is seen by what it writes.
func TestATurnEndsWhenAnotherWritesBeside(t *testing.T) {
	w, _ := newWorld(t)
	r, _ := w.Node()
	register(t, r, "s", "a")
	stop := joinForeign(t, w)
	defer stop()
	_, c := admin(t, w)
	key := record.Key{Type: record.Schema, Subject: "t", Version: 1}
	value := record.Record{Key: key, Value: &record.SchemaValue{Subject: "t", Version: 1, ID: 2, Type: schema.Avro, Text: "x"}}
	if err := c.ProduceSync(t.Context(), &kgo.Record{Topic: registry.Topic, Key: key.Bytes(), Value: value.Bytes()}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	for {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		_, err := r.Writer(ctx)
		if cancel(); err != nil {
			break
		}
	}
	refusal(t, r, "sr-1")
	stop()
	if v := register(t, r, "s", "a b"); v.ID != 3 {
		t.Errorf("after the other had given id 2 it gave %d", v.ID)
	}
}

// Run tells what it cannot do, and can be called again.
func TestRunReturnsItsErrors(t *testing.T) {
	w, _ := newWorld(t)
	first, stop := w.Node()
	register(t, first, "s", "a")
	stop()
	broken, clients := errors.New("no client"), 0
	var mu sync.Mutex
	r := registry.New(registry.Config{
		Client: func(opts ...kgo.Opt) (*kgo.Client, error) {
			mu.Lock()
			defer mu.Unlock()
			if clients++; clients == 2 || clients == 3 { // what follows, and what is a member
				return nil, broken
			}
			return w.Client(opts...)
		},
		ReplicationFactor: -1, Languages: []schema.Language{registrytest.Language{}},
		Instance: "node", Address: "http://node", Logger: slog.New(slog.DiscardHandler),
	})
	if err := r.Run(t.Context()); !errors.Is(err, broken) {
		t.Fatalf("Run ended with %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- r.Run(ctx) }()
	if v := register(t, r, "s", "a b"); v.ID != 2 {
		t.Errorf("given was %+v", v)
	}
	cancel()
	if err := <-ran; err != nil {
		t.Error(err)
	}
}

// A schema that was imported with two ids is found under each subject that has it.
func TestASchemaWithTwoIDsIsFoundUnderEitherSubject(t *testing.T) {
	w, _ := newWorld(t)
	r, _ := w.Node()
	register(t, r, "other", "z")
	for i, subject := range []string{"s", "t"} {
		if err := r.SetMode(t.Context(), name(subject), registry.Import, false); err != nil {
			t.Fatal(err)
		}
		imported := words("a")
		imported.ID = 10 * (i + 1)
		if _, err := r.Register(t.Context(), name(subject), imported, registry.Options{}); err != nil {
			t.Fatal(err)
		}
		if err := r.SetMode(t.Context(), name(subject), registry.ReadWrite, false); err != nil {
			t.Fatal(err)
		}
	}
	for i, subject := range []string{"s", "t"} {
		want := 10 * (i + 1)
		if v, err := r.Lookup(name(subject), words("a"), false, false); err != nil || v.ID != want {
			t.Errorf("%s has %+v, %v", subject, v, err)
		}
		if v := register(t, r, subject, "a"); v.ID != want || v.Version != 1 {
			t.Errorf("%s got %+v", subject, v)
		}
	}
}

// What is imported over a version takes its id out of the topic, which is not given
// again all the same.
func TestTheHighestIDIsRememberedWhenItsVersionIsImportedAnew(t *testing.T) {
	w, _ := newWorld(t)
	r, _ := w.Node()
	register(t, r, "other", "z")
	if err := r.SetMode(t.Context(), name("s"), registry.Import, false); err != nil {
		t.Fatal(err)
	}
	for _, id := range []int{100, 50} {
		imported := words(fmt.Sprint("a", id))
		imported.ID, imported.Version = id, 1
		if _, err := r.Register(t.Context(), name("s"), imported, registry.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	left := 0
	for _, rec := range compacted(t, w) {
		if strings.Contains(string(rec.Key), "maxIdOf") && string(rec.Value) == `{"maxId":100}` {
			left++
		}
	}
	if left != 1 {
		t.Error("the topic does not have the highest id any more")
	}
	tooHigh := words("b")
	tooHigh.ID = 1 << 31
	if _, err := r.Register(t.Context(), name("s"), tooHigh, registry.Options{}); !isCode(err, registry.NotPermitted) {
		t.Errorf("an id that no client knows: %v", err)
	}
}
