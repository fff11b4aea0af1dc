package search

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/ledger"
	"github.com/evidentlog/evident/internal/ledger/follow"
	"github.com/evidentlog/evident/internal/ledger/index"
	"github.com/evidentlog/evident/internal/ledger/opening"
	"github.com/evidentlog/evident/internal/vfs"
)

// A world is a cluster whose topics a ledger follows, and whose records are
// indexed.
type world struct {
	t        *testing.T
	cluster  *kfake.Cluster
	brokers  []string
	client   *kgo.Client
	admin    *kadm.Client
	ledger   *ledger.Ledger
	searcher *Searcher
}

// newWorld returns one with a topic "orders".
func newWorld(t *testing.T, partitions int32) *world {
	t.Helper()
	t.Parallel() // mostly they wait
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	w := &world{t: t, cluster: cluster, brokers: cluster.ListenAddrs()}
	w.client = w.newClient(kgo.RecordPartitioner(kgo.ManualPartitioner()))
	w.admin = kadm.NewClient(w.client)
	w.create("orders", partitions)
	w.start()
	return w
}

func (w *world) newClient(opts ...kgo.Opt) *kgo.Client {
	w.t.Helper()
	c, err := kgo.NewClient(append(opts, kgo.SeedBrokers(w.brokers...), kgo.DefaultProduceTopic("orders"))...)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(c.Close)
	return c
}

// start opens index and ledger on a new disk, and lets them follow the cluster.
func (w *world) start() {
	w.t.Helper()
	mem := vfs.NewMem()
	if err := errors.Join(mem.MkdirAll("/data"), mem.SyncDir("/")); err != nil {
		w.t.Fatal(err)
	}
	ix, err := index.Open(index.Config{FS: mem, Dir: "/data/index", BlockRecords: 16})
	if err != nil {
		w.t.Fatal(err)
	}
	w.ledger, err = ledger.Open(ledger.Config{
		FS: mem, Dir: "/data/ledger", Origin: "example.com/events", Interval: 20 * time.Millisecond, Index: ix,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	follower := follow.New(follow.Config{Client: w.newClient(), Ledger: w.ledger, Logger: slog.New(slog.DiscardHandler)})
	w.searcher, err = New(Config{
		Index: ix, Reader: &opening.Reader{Client: w.newClient()}, Ledger: w.ledger, Logger: slog.New(slog.DiscardHandler),
		Indexed: func(topic, id string) bool { return follow.Provable(topic) && !follower.Unindexed(id) },
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.run(follower.Run, w.ledger.Run, ix.Run, func(ctx context.Context) error { w.searcher.Fill(ctx); return nil })
}

// run runs until the test ends what ends in the reverse order.
func (w *world) run(all ...func(context.Context) error) {
	for i := len(all) - 1; i >= 0; i-- {
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- all[i](ctx) }()
		w.t.Cleanup(func() {
			cancel()
			if err := <-ended; err != nil {
				w.t.Error(err)
			}
		})
	}
}

func (w *world) create(topic string, partitions int32) {
	w.t.Helper()
	if _, err := w.admin.CreateTopic(w.t.Context(), partitions, 1, nil, topic); err != nil {
		w.t.Fatal(err)
	}
}

// produce produces records one after the other.
func (w *world) produce(records ...*kgo.Record) {
	w.t.Helper()
	for _, r := range records {
		if err := w.client.ProduceSync(w.t.Context(), r).FirstErr(); err != nil {
			w.t.Fatal(err)
		}
	}
}

// cloudEvent is a record with a key and an id, at a time in ms.
func cloudEvent(partition int32, key, id string, at int64) *kgo.Record {
	return &kgo.Record{
		Partition: partition, Key: []byte(key), Timestamp: time.UnixMilli(at),
		Headers: []kgo.RecordHeader{{Key: "ce_id", Value: []byte(id)}},
	}
}

// find searches until nothing is behind, and tells where records were found.
func (w *world) find(query string) (places []string, a *Answer) {
	w.t.Helper()
	v, err := url.ParseQuery(query)
	if err != nil {
		w.t.Fatal(err)
	}
	q, err := ParseQuery(v)
	if err != nil {
		w.t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); a == nil || len(a.Behind) > 0; {
		if a, err = w.searcher.Find(w.t.Context(), q); err != nil {
			w.t.Fatalf("%s: %v", query, err)
		}
		if time.Now().After(end) {
			w.t.Fatalf("%s: the index stays behind: %+v", query, a.Behind)
		}
	}
	for i := range a.Records {
		r := &a.Records[i]
		places = append(places, fmt.Sprintf("%s/%d@%d", r.Topic, r.Partition, r.Offset))
	}
	return places, a
}
