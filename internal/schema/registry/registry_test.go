package registry_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/schema"
	"github.com/evidentlog/evident/internal/schema/registry"
	"github.com/evidentlog/evident/internal/schema/registry/record"
	"github.com/evidentlog/evident/internal/schema/registry/registrytest"
	"github.com/evidentlog/evident/internal/schema/registry/state"
	"github.com/evidentlog/evident/internal/schema/registry/subject"
)

func newWorld(t *testing.T) (*registrytest.World, *kfake.Cluster) {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SleepOutOfOrder())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return registrytest.NewWorld(t, c.ListenAddrs()), c
}

func words(text string) registry.Wanted {
	return registry.Wanted{ID: -1, Type: schema.Avro, Text: text}
}

func name(text string) subject.Name { return subject.Parse(text) }

func register(t *testing.T, r *registry.Registry, subject, text string) *state.Version {
	t.Helper()
	registrytest.Leads(t, r)
	v, err := r.Register(t.Context(), name(subject), words(text), registry.Options{})
	if err != nil {
		t.Fatalf("%s %q: %v", subject, text, err)
	}
	return v
}

// admin is a client of the cluster.
func admin(t *testing.T, w *registrytest.World) (*kadm.Client, *kgo.Client) {
	t.Helper()
	c, err := w.Client()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return kadm.NewClient(c), c
}

func isCode(err error, want registry.Code) bool {
	var known *registry.Error
	return errors.As(err, &known) && known.Code == want
}

func TestANodeWhereNobodyRegistersMakesNothing(t *testing.T) {
	w, _ := newWorld(t)
	r, _ := w.Node()
	<-r.Read()
	a, _ := admin(t, w)
	if topics, err := a.ListTopics(t.Context()); err != nil || topics.Has(registry.Topic) {
		t.Errorf("there are %v, %v", topics.Names(), err)
	}
}

// What two nodes are asked at once is one after the other: a schema has one id, and no
// id two schemas.
func TestTheSameSchemaRegisteredAtOnceHasOneID(t *testing.T) {
	w, _ := newWorld(t)
	a, _ := w.Node()
	register(t, a, "first", "a")
	b, _ := w.Node()
	var all sync.WaitGroup
	var mu sync.Mutex
	ids := map[string]map[int]bool{}
	for i := range 24 {
		all.Go(func() {
			text := fmt.Sprint("word", i%4)
			for _, r := range []*registry.Registry{a, b} {
				base, err := r.Writer(t.Context())
				if err != nil || base != "" {
					continue
				}
				v, err := r.Register(t.Context(), name(fmt.Sprint("s", i)), words(text), registry.Options{})
				mu.Lock()
				if err != nil {
					t.Error(err)
				} else {
					if ids[text] == nil {
						ids[text] = map[int]bool{}
					}
					ids[text][v.ID] = true
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	given := map[int]string{}
	for text, of := range ids {
		if len(of) != 1 {
			t.Errorf("%s has ids %v", text, of)
		}
		for id := range of {
			if other := given[id]; other != "" {
				t.Errorf("%s and %s both have id %d", text, other, id)
			}
			given[id] = text
		}
	}
	if len(given) != 4 {
		t.Errorf("given were %v", given)
	}
}

func TestAnotherNodeReadsAndTakesOver(t *testing.T) {
	w, _ := newWorld(t)
	a, stop := w.Node()
	register(t, a, "s", "a")
	b, _ := w.Node()
	<-b.Read()
	if v, err := b.Get(name("s"), 1, false); err != nil || v.ID != 1 {
		t.Errorf("the other node has read %+v, %v", v, err)
	}
	if v := b.Registered(name("s"), words("a"), registry.Options{}); v == nil || v.ID != 1 {
		t.Errorf("what is registered needs no writer: %+v", v)
	}
	stop()
	if v := register(t, b, "s", "a b"); v.ID != 2 || v.Version != 2 {
		t.Errorf("after it took over it gave %+v", v)
	}
}

// A writer that stood still while another took its place is told so by the partition: it
// answers that it may be asked again, and has written nothing.
func TestAWriterThatWasFencedWritesNothing(t *testing.T) {
	w, _ := newWorld(t)
	r, _ := w.Node()
	register(t, r, "s", "a")
	_, c := admin(t, w)
	fence(t, c)
	_, err := r.Register(t.Context(), name("s"), words("a b"), registry.Options{})
	if !isCode(err, registry.LeaderUnknown) {
		t.Fatalf("a fenced writer answered %v", err)
	}
	if v := register(t, r, "s", "a c"); v.ID != 2 || v.Version != 2 { // by its next turn
		t.Errorf("then it gave %+v", v)
	}
}

// fence begins as another writer does: it takes the next epoch, and writes in it.
func fence(t *testing.T, c *kgo.Client) {
	t.Helper()
	p, err := registry.NewProducer(t.Context(), c, time.Now)
	if err == nil {
		_, _, err = p.Write(t.Context(), []registry.Pair{{Key: record.Key{Type: record.Noop}.Bytes()}})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// What is damaged, foreign, of a later version, or gives an id to a second schema is
// passed over; what comes behind it is read.
func TestRecordsThatCannotBeReadStopNothing(t *testing.T) {
	w, _ := newWorld(t)
	r, _ := w.Node()
	register(t, r, "s", "a")
	_, c := admin(t, w)
	key := record.Key{Type: record.Schema, Subject: "t", Version: 1}.String()
	for key, value := range map[string]string{
		`{`: `{}`, `{"keytype":"LATER","magic":0}`: `{}`, `{"keytype":"SCHEMA","subject":"s","version":1,"magic":7}`: `{}`,
		`{"keytype":"SCHEMA","subject":"s","version":2,"magic":1}`: `nothing`,
		key: `{"subject":"t","version":1,"id":1,"schema":"another"}`,
	} {
		if err := c.ProduceSync(t.Context(), &kgo.Record{Topic: registry.Topic, Key: []byte(key), Value: []byte(value)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	var told bytes.Buffer
	w.Log, w.Metrics = slog.NewTextHandler(&told, nil), registry.NewMetrics()
	b, stop := w.Node()
	<-b.Read()
	if _, err := b.Get(name("t"), 1, true); !isCode(err, registry.SubjectNotFound) {
		t.Errorf("a record with another's id was taken: %v", err)
	}
	stop()
	if v := register(t, r, "s", "a b"); v.ID != 2 || v.Version != 2 {
		t.Errorf("behind them came %+v", v)
	}
	if n := strings.Count(told.String(), "is passed over"); n != 5 {
		t.Errorf("told of %d records:\n%s", n, told.String())
	}
	if err := testutil.CollectAndCompare(w.Metrics, strings.NewReader(`
		# HELP evident_schema_registry_records_refused_total Records of the topic _schemas that were passed over: they cannot be read, or give an id to a second schema.
		# TYPE evident_schema_registry_records_refused_total counter
		evident_schema_registry_records_refused_total 5
	`), "evident_schema_registry_records_refused_total"); err != nil {
		t.Error(err)
	}
}

// refusal is why a node does not write.
func refusal(t *testing.T, r *registry.Registry, want string) {
	t.Helper()
	end, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		ctx, stop := context.WithTimeout(end, 50*time.Millisecond)
		_, err := r.Writer(ctx)
		stop()
		if isCode(err, registry.LeaderUnknown) && strings.Contains(err.Error(), want) {
			return
		}
		if err == nil || end.Err() != nil {
			t.Fatalf("got %v, want %s", err, want)
		}
	}
}

func TestATopicThatWouldForgetIsNotWritten(t *testing.T) {
	w, _ := newWorld(t)
	a, _ := admin(t, w)
	policy := "delete"
	if _, err := a.CreateTopic(t.Context(), 1, -1, map[string]*string{"cleanup.policy": &policy}, registry.Topic); err != nil {
		t.Fatal(err)
	}
	r, _ := w.Node()
	refusal(t, r, "_schemas has cleanup.policy=delete; set it to compact")
}

func TestATopicOfSeveralPartitionsIsNotWritten(t *testing.T) {
	w, _ := newWorld(t)
	a, _ := admin(t, w)
	policy := "compact"
	if _, err := a.CreateTopic(t.Context(), 2, -1, map[string]*string{"cleanup.policy": &policy}, registry.Topic); err != nil {
		t.Fatal(err)
	}
	r, _ := w.Node()
	refusal(t, r, "_schemas has 2")
}

// Two registries that do not know of one another would give ids twice.
func TestBesideAnotherRegistrysLeaderNothingIsWritten(t *testing.T) {
	w, _ := newWorld(t)
	stop := joinForeign(t, w)
	r, _ := w.Node()
	refusal(t, r, "sr-1")
	stop()
	register(t, r, "s", "a")
}

// joinForeign is a leader of another registry, as far as its group goes.
func joinForeign(t *testing.T, w *registrytest.World) (stop func()) {
	t.Helper()
	a, _ := admin(t, w)
	if _, err := a.CreateTopic(t.Context(), 1, -1, nil, "any"); err != nil {
		t.Fatal(err)
	}
	other, err := w.Client(kgo.ConsumerGroup("schema-registry"), kgo.ConsumeTopics("any"), kgo.ClientID("sr-1"))
	if err != nil {
		t.Fatal(err)
	}
	polled, stopPolling := context.WithCancel(t.Context())
	var polling sync.WaitGroup
	polling.Go(func() { other.PollFetches(polled) })
	for {
		groups, err := a.DescribeGroups(t.Context(), "schema-registry")
		if err != nil {
			t.Fatal(err)
		}
		if len(groups["schema-registry"].Members) > 0 {
			break
		}
	}
	return sync.OnceFunc(func() {
		stopPolling()
		polling.Wait()
		other.Close()
	})
}

// An id that was given is not given again, also after its schema is gone and compaction
// has taken every trace of it.
func TestTheHighestIDIsRememberedWhenItsSchemaIsGone(t *testing.T) {
	w, _ := newWorld(t)
	r, stop := w.Node()
	register(t, r, "s", "a")
	register(t, r, "t", "b")
	for _, permanent := range []bool{false, true} {
		if _, err := r.DeleteSubject(t.Context(), name("t"), permanent); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	left := compacted(t, w)
	for _, rec := range left {
		if strings.HasPrefix(string(rec.Key), `{"keytype":"SCHEMA","subject":"t"`) {
			t.Errorf("left is %s", rec.Key)
		}
	}
	again, _ := newWorld(t)
	a, c := admin(t, again)
	policy := "compact"
	if _, err := a.CreateTopic(t.Context(), 1, -1, map[string]*string{"cleanup.policy": &policy}, registry.Topic); err != nil {
		t.Fatal(err)
	}
	if err := c.ProduceSync(t.Context(), left...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	r, _ = again.Node()
	if v := register(t, r, "u", "c"); v.ID != 3 {
		t.Errorf("the next id is %d, and 2 was given before", v.ID)
	}
}

// compacted is what compaction leaves of the topic, when tombstones are gone too.
func compacted(t *testing.T, w *registrytest.World) (left []*kgo.Record) {
	t.Helper()
	last := map[string]*kgo.Record{}
	var order []string
	everyRecord(t, w, func(rec *kgo.Record) {
		if last[string(rec.Key)] == nil {
			order = append(order, string(rec.Key))
		}
		last[string(rec.Key)] = rec
	})
	for _, key := range order {
		if rec := last[key]; rec.Value != nil {
			left = append(left, &kgo.Record{Topic: registry.Topic, Key: rec.Key, Value: rec.Value})
		}
	}
	return left
}

// everyRecord reads what the topic has.
func everyRecord(t *testing.T, w *registrytest.World, see func(*kgo.Record)) {
	t.Helper()
	a, _ := admin(t, w)
	ends, err := a.ListEndOffsets(t.Context(), registry.Topic)
	if err != nil {
		t.Fatal(err)
	}
	end, _ := ends.Lookup(registry.Topic, 0)
	c, err := w.Client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{registry.Topic: {0: kgo.NewOffset().AtStart()}}))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for read := int64(0); read < end.Offset; {
		c.PollFetches(t.Context()).EachRecord(func(rec *kgo.Record) {
			read = rec.Offset + 1
			see(rec)
		})
	}
}

// What another registry has written under a key of another form is taken away in that
// form, or compaction would keep it for ever.
func TestKeysOfAnotherFormAreTakenAway(t *testing.T) {
	w, _ := newWorld(t)
	r, stop := w.Node()
	register(t, r, "s", "a")
	_, c := admin(t, w)
	for _, foreign := range []string{`{"keytype":"CONFIG","subject":null,"magic":0}`, `{"magic":0,"keytype":"CONFIG"}`} {
		if err := c.ProduceSync(t.Context(), &kgo.Record{Topic: registry.Topic, Key: []byte(foreign), Value: []byte(`{"compatibilityLevel":"NONE"}`)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	r, stop = w.Node()
	registrytest.Leads(t, r)
	if s, err := r.Settings(name(""), false); err != nil || s.CompatibilityLevel != "NONE" {
		t.Fatalf("the foreign form says %+v, %v", s, err)
	}
	if _, err := r.DeleteSettings(t.Context(), name("")); err != nil {
		t.Fatal(err)
	}
	stop()
	for _, rec := range compacted(t, w) {
		if strings.Contains(string(rec.Key), "CONFIG") {
			t.Errorf("left is %s", rec.Key)
		}
	}
}

func TestALargeSubjectTakesOneMoreVersionAsAnyOther(t *testing.T) {
	w, _ := newWorld(t)
	r, stop := w.Node()
	register(t, r, "s", "a")
	stop()
	_, c := admin(t, w)
	const many = 10_000
	var all []*kgo.Record
	for v := 2; v <= many; v++ {
		key := record.Key{Type: record.Schema, Subject: "s", Version: v}
		value := record.Record{Key: key, Value: &record.SchemaValue{Subject: "s", Version: v, ID: v, Type: schema.Avro, Text: fmt.Sprint("a b", v)}}
		all = append(all, &kgo.Record{Topic: registry.Topic, Key: key.Bytes(), Value: value.Bytes()})
	}
	if err := c.ProduceSync(t.Context(), all...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	r, _ = w.Node()
	register(t, r, "other", "z")
	if v, err := r.Register(t.Context(), name("s"), words("a b10000 c"), registry.Options{}); err != nil || v.Version != many+1 || v.ID != many+2 {
		t.Fatalf("version %+v, %v", v, err)
	}
	if v, err := r.Lookup(name("s"), words("a b77"), false, false); err != nil || v.Version != 77 {
		t.Errorf("found %+v, %v", v, err)
	}
	if gone, err := r.DeleteSubject(t.Context(), name("s"), false); err != nil || len(gone) != many+1 {
		t.Errorf("deleted %d, %v", len(gone), err)
	}
	if gone, err := r.DeleteSubject(t.Context(), name("s"), true); err != nil || len(gone) != many+1 || r.State().Has(name("s"), true) {
		t.Errorf("deleted for good %d, %v", len(gone), err)
	}
}
