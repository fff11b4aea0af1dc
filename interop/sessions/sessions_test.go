package sessions

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/ledger/fetch"
	"github.com/evidentlog/evident/internal/ledger/source"
	"github.com/evidentlog/evident/internal/log/batch"
)

var brokers = flag.String("brokers", "", "host:port of the brokers of Apache Kafka, with commas between them")

const many = 300 // partitions

// A world is a topic on a cluster, all of whose partitions one broker leads, and a
// reader of them.
type world struct {
	t      *testing.T
	client *kgo.Client
	admin  *kadm.Client
	topic  string
	leader int32
	id     [16]byte
	reader *fetch.Reader
	bytes  sizes
	got    map[source.Key]int64 // offsets up to which it was read
	err    error                // told last
}

// sizes counts the bytes of fetches, and of what they ask.
type sizes struct{ asked, told atomic.Int64 }

func (s *sizes) OnBrokerWrite(_ kgo.BrokerMetadata, key int16, bytes int, _, _ time.Duration, _ error) {
	if key == int16(kmsg.Fetch) {
		s.asked.Add(int64(bytes))
	}
}

func (s *sizes) OnBrokerRead(_ kgo.BrokerMetadata, key int16, bytes int, _, _ time.Duration, _ error) {
	if key == int16(kmsg.Fetch) {
		s.told.Add(int64(bytes))
	}
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, topic: fmt.Sprintf("sessions-%d", time.Now().UnixNano()), got: map[source.Key]int64{}}
	var err error
	w.client, err = kgo.NewClient(kgo.SeedBrokers(strings.Split(*brokers, ",")...), kgo.WithHooks(&w.bytes),
		kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.client.Close)
	w.admin = kadm.NewClient(w.client)
	all, err := w.admin.ListBrokers(t.Context())
	if err != nil || len(all) == 0 {
		t.Fatalf("%d brokers at %q: %v", len(all), *brokers, err)
	}
	w.leader = all[0].NodeID
	w.create()
	w.reader = fetch.NewReader(w.client, w.leader)
	return w
}

// create makes the topic.
func (w *world) create() {
	w.t.Helper()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = w.topic, -1, -1
	for p := range int32(many) {
		a := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
		a.Partition, a.Replicas = p, []int32{w.leader}
		topic.ReplicaAssignment = append(topic.ReplicaAssignment, a)
	}
	req := kmsg.NewPtrCreateTopicsRequest()
	req.TimeoutMillis = 30_000
	req.Topics = append(req.Topics, topic)
	resp, err := req.RequestWith(w.t.Context(), w.client)
	if err == nil {
		err = kerr.ErrorForCode(resp.Topics[0].ErrorCode)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	w.id = resp.Topics[0].TopicID
	w.client.PurgeTopicsFromClient(w.topic) // it may know another of the name
}

func (w *world) partition(number int32) source.Partition {
	return source.Partition{Key: source.Key{ID: w.id, Number: number}, Topic: w.topic}
}

func (w *world) produce(partition int32) {
	w.t.Helper()
	r := &kgo.Record{Topic: w.topic, Partition: partition, Value: []byte("x")}
	if err := w.client.ProduceSync(w.t.Context(), r).FirstErr(); err != nil {
		w.t.Fatal(err)
	}
}

// read reads until something is so.
func (w *world) read(what string, so func() bool) {
	w.t.Helper()
	for end := time.Now().Add(time.Minute); !so(); {
		if time.Now().After(end) {
			w.t.Fatalf("never: %s; the last error is %v", what, w.err)
		}
		if err := w.reader.Read(w.t.Context(), 100*time.Millisecond, w.take); err != nil {
			w.err = err
		}
	}
}

func (w *world) take(a source.Answer) (next int64, goOn bool) {
	if a.Err != nil {
		w.err = a.Err
		return 0, false
	}
	for b := a.Batches; len(b) > 0; {
		first, rest, err := batch.Next(b)
		if errors.Is(err, batch.ErrShort) {
			break
		}
		if err != nil || first.BaseOffset() != w.got[a.Key] {
			w.t.Errorf("%v: a batch at %d, want %d; %v", a.Key, first.BaseOffset(), w.got[a.Key], err)
			return 0, false
		}
		w.got[a.Key], b = first.NextOffset(), rest
	}
	return w.got[a.Key], true
}

// want wants all partitions, and reads what they have until it is known of each.
func (w *world) want() {
	w.t.Helper()
	for p := range int32(many) {
		w.produce(p)
		w.reader.Want(w.partition(p), 0)
	}
	w.read("all are read", func() bool { return len(w.got) == many })
}

func (w *world) readTo(partition int32, offset int64) {
	w.t.Helper()
	w.read(fmt.Sprintf("partition %d up to %d", partition, offset),
		func() bool { return w.got[w.partition(partition).Key] == offset })
}

func TestIdlePartitionsAreInNoRequestAndNoAnswer(t *testing.T) {
	w := newWorld(t)
	w.want()
	w.produce(7)
	w.readTo(7, 2) // the broker has been told from where on all are wanted next
	for i := range int64(5) {
		w.bytes.asked.Store(0)
		w.bytes.told.Store(0)
		w.produce(7)
		w.readTo(7, i+3)
		if asked, told := w.bytes.asked.Load(), w.bytes.told.Load(); asked > 1500 || told > 1500 {
			t.Errorf("for one record of %d partitions: requests of %d bytes, answers of %d", many, asked, told)
		}
	}
}

// A request that was given up leaves the session in a state that nobody knows.
func TestAReadThatWasGivenUpIsMadeUpFor(t *testing.T) {
	w := newWorld(t)
	w.want()
	for i := range int64(3) {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if err := w.reader.Read(ctx, 10*time.Second, w.take); err != nil {
			t.Fatal(err)
		}
		cancel()
		w.produce(5)
		w.produce(299)
		w.readTo(5, i+2)
		w.readTo(299, i+2)
	}
}

func TestPartitionsAreForgottenAndWantedAgain(t *testing.T) {
	w := newWorld(t)
	w.want()
	for p := range int32(many / 2) {
		w.reader.Forget(w.partition(p).Key)
	}
	w.produce(3)
	w.produce(200)
	w.readTo(200, 2)
	if at := w.got[w.partition(3).Key]; at != 1 {
		t.Errorf("one that is forgotten was read up to %d", at)
	}
	w.reader.Want(w.partition(3), 1)
	w.readTo(3, 2)
}

func TestATopicThatIsMadeAnewIsAnother(t *testing.T) {
	w := newWorld(t)
	w.want()
	old := w.partition(0)
	if _, err := w.admin.DeleteTopic(t.Context(), w.topic); err != nil {
		t.Fatal(err)
	}
	w.read("it is gone", func() bool { return kerr.IsRetriable(w.err) })
	for created := false; !created; time.Sleep(100 * time.Millisecond) {
		topics, err := w.admin.ListTopics(t.Context(), w.topic)
		created = err == nil && !topics.Has(w.topic)
	}
	w.create()
	w.reader.Want(w.partition(0), 0)
	w.produce(0)
	w.readTo(0, 1)
	w.err = nil
	w.reader.Want(old, 1)
	w.read("the old one stays gone", func() bool { return kerr.IsRetriable(w.err) })
}
