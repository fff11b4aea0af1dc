package follow

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/ledger"
	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/proof"
)

// A world is a cluster whose topics a ledger follows.
type world struct {
	t       *testing.T
	brokers []string
	cluster *kfake.Cluster
	client  *kgo.Client
	admin   *kadm.Client
	disk    vfs.FS
	ledger  *ledger.Ledger
	log     *lines
	stop    func()
	// As of Config.
	assigned func(topic string, partition int32) bool
	exclude  []string
}

// lines is a log that is read while it is written.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func newWorld(t *testing.T) *world {
	t.Helper()
	t.Parallel()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(2))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	mem := vfs.NewMem()
	if err := errors.Join(mem.MkdirAll("/data"), mem.SyncDir("/")); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, client: client, admin: kadm.NewClient(client), disk: mem, log: &lines{}, cluster: cluster, brokers: cluster.ListenAddrs()}
	w.start(nil)
	t.Cleanup(func() { w.stop() })
	return w
}

// start opens the ledger, lets before see it, and follows.
func (w *world) start(before func(*ledger.Ledger)) {
	w.t.Helper()
	l, err := ledger.Open(ledger.Config{FS: w.disk, Dir: "/data/ledger", Origin: "example.com/events", Interval: 20 * time.Millisecond})
	if err != nil {
		w.t.Fatal(err)
	}
	w.ledger = l
	if before != nil {
		before(l)
	}
	ctx, cancel := context.WithCancel(context.Background())
	followed, ran := make(chan error, 1), make(chan error, 1)
	reading, endReading := context.WithCancel(ctx)
	follower := New(Config{
		Client: w.client, Ledger: l, Assigned: w.assigned, Exclude: w.exclude, Logger: slog.New(slog.NewTextHandler(w.log, nil)),
	})
	go func() { followed <- follower.Run(reading) }()
	go func() { ran <- l.Run(ctx) }()
	w.stop = func() {
		w.stop = func() {}
		endReading()
		err := <-followed
		cancel()
		if err := errors.Join(err, <-ran); err != nil {
			w.t.Error(err)
		}
	}
}

func (w *world) create(topic string, partitions int32, configs map[string]*string) {
	w.t.Helper()
	if _, err := w.admin.CreateTopic(w.t.Context(), partitions, 1, configs, topic); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) produce(topic string, partition int32, values ...string) {
	w.t.Helper()
	for _, v := range values {
		r := &kgo.Record{Topic: topic, Partition: partition, Value: []byte(v)}
		if err := w.client.ProduceSync(w.t.Context(), r).FirstErr(); err != nil {
			w.t.Fatal(err)
		}
	}
}

// await waits until a tree that is none of others has a head of some size, which
// is signed, and returns its origin.
func (w *world) await(topic string, partition int, size int64, others ...string) string {
	w.t.Helper()
	var got string
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		origin, err := w.ledger.Newest(topic, fmt.Sprint(partition))
		if err != nil {
			got = err.Error()
			continue
		}
		h, err := w.ledger.Head(origin)
		if got = fmt.Sprintf("%q, %v", h.String(), err); err == nil && h.Size == size && h.RootIndex < w.signed() && !slices.Contains(others, origin) {
			return origin
		}
	}
	w.t.Fatalf("%s/%d has no head of size %d, but %s\n%s", topic, partition, size, got, w.log)
	return ""
}

// signed is how many entries of the root log are signed: the newest of those that
// are durable are signed a moment later.
func (w *world) signed() int64 {
	text, _, _ := strings.Cut(string(w.ledger.Checkpoint()), "\n\n")
	c, err := proof.ParseCheckpoint(text + "\n")
	if err != nil {
		w.t.Fatal(err)
	}
	return c.Size
}

// proves tells whether a value is provable at an offset.
func (w *world) proves(origin string, offset int64, value string) error {
	w.t.Helper()
	fetches, err := w.fetch(origin, offset)
	if err != nil {
		return err
	}
	if string(fetches.Value) != value {
		return fmt.Errorf("offset %d is %q, want %q", offset, fetches.Value, value)
	}
	r := proof.Record{Kind: proof.Data, Timestamp: fetches.Timestamp.UnixMilli(), ProducerID: fetches.ProducerID, ProducerEpoch: fetches.ProducerEpoch, Value: fetches.Value}
	f, err := w.ledger.Prove(origin, ledger.Opened{Offset: offset, Record: r})
	if err != nil {
		return err
	}
	_, err = f.Verify(proof.Trust{Keys: w.ledger.Verifiers()})
	return err
}

func (w *world) fetch(origin string, offset int64) (*kgo.Record, error) {
	tree, err := proof.ParseOrigin("example.com/events", origin)
	if err != nil {
		return nil, err
	}
	c, err := kgo.NewClient(kgo.SeedBrokers(w.brokers...),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{tree.Topic: {tree.Partition: kgo.NewOffset().At(offset)}}))
	if err != nil {
		return nil, err
	}
	defer c.Close()
	fetches := c.PollRecords(w.t.Context(), 1)
	if err := fetches.Err(); err != nil {
		return nil, err
	}
	return fetches.Records()[0], nil
}

func TestRecordsBecomeProvable(t *testing.T) {
	w := newWorld(t)
	w.create("orders", 3, nil)
	w.create("payments", 1, nil)
	w.produce("orders", 0, "a", "b", "c")
	w.produce("orders", 2, "d")
	w.produce("payments", 0, "e", "f")
	origin := w.await("orders", 0, 3)
	if err := w.proves(origin, 1, "b"); err != nil {
		t.Error(err)
	}
	w.await("orders", 2, 1)
	if err := w.proves(w.await("payments", 0, 2), 1, "f"); err != nil {
		t.Error(err)
	}
	w.produce("orders", 0, "g")
	if err := w.proves(w.await("orders", 0, 4), 3, "g"); err != nil {
		t.Error(err)
	}
	w.stop()
	w.produce("orders", 0, "h") // while nobody follows
	w.start(nil)
	if again := w.await("orders", 0, 5); again != origin {
		t.Errorf("after a restart the tree is %s, was %s", again, origin)
	}
}

func TestATopicMadeAnewIsAnotherTree(t *testing.T) {
	w := newWorld(t)
	w.create("orders", 1, nil)
	w.produce("orders", 0, "a", "b")
	old := w.await("orders", 0, 2)
	if _, err := w.admin.DeleteTopic(t.Context(), "orders"); err != nil {
		t.Fatal(err)
	}
	w.create("orders", 1, nil)
	w.client.PurgeTopicsFromClient("orders") // it knows the old topic's id
	w.produce("orders", 0, "c")
	w.await("orders", 0, 1, old)
	if h, err := w.ledger.Head(old); err != nil || !h.Closed || h.Size != 2 {
		t.Errorf("the old tree is %+v, %v", h, err)
	}
}

// What becomes of a topic while nobody follows it is found out at the next start.
func TestATopicDeletedWhileNobodyFollowedIsClosed(t *testing.T) {
	w := newWorld(t)
	w.create("orders", 1, nil)
	w.create("stays", 1, nil)
	w.produce("orders", 0, "a", "b")
	w.produce("stays", 0, "a")
	old, stays := w.await("orders", 0, 2), w.await("stays", 0, 1)
	w.stop()
	if _, err := w.admin.DeleteTopic(t.Context(), "orders"); err != nil {
		t.Fatal(err)
	}
	w.start(nil)
	w.awaitClosed(old)
	if h, err := w.ledger.Head(stays); err != nil || h.Closed {
		t.Errorf("a topic that is there: %+v, %v", h, err)
	}
}

// The node that followed a topic may die before it has told that it is gone.
func TestATreeThatAnotherNodeShouldHaveClosedIsClosed(t *testing.T) {
	w := newWorld(t)
	for _, topic := range []string{"early", "late", "off", "excluded", "stays"} {
		w.create(topic, 1, nil)
		w.produce(topic, 0, "a")
	}
	trees := map[string]string{}
	for _, topic := range []string{"early", "late", "off", "excluded", "stays"} {
		trees[topic] = w.await(topic, 0, 1)
	}
	w.stop()
	remove := func(topic string) {
		if _, err := w.admin.DeleteTopic(t.Context(), topic); err != nil {
			t.Fatal(err)
		}
	}
	w.assigned = func(topic string, _ int32) bool { return topic == "off" } // the others are another node's
	w.exclude = []string{"off", "excluded"}                                 // which the other may follow
	remove("early")
	w.start(nil)
	w.awaitClosed(trees["early"])
	w.awaitClosed(trees["off"])
	remove("late") // while this node runs, which looks not only once
	w.awaitClosed(trees["late"])
	for _, topic := range []string{"excluded", "stays"} {
		if h, err := w.ledger.Head(trees[topic]); err != nil || h.Closed {
			t.Errorf("%s: %+v, %v", topic, h, err)
		}
	}
}

func (w *world) awaitClosed(origin string) {
	w.t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if h, err := w.ledger.Head(origin); err == nil && h.Closed {
			return
		}
	}
	w.t.Fatalf("%s is not closed\n%s", origin, w.log)
}

func TestRecordsRemovedBeforeTheyWereReadAreLost(t *testing.T) {
	w := newWorld(t)
	w.stop()
	w.create("orders", 1, nil)
	w.produce("orders", 0, "a", "b", "c", "d")
	var remove kadm.Offsets
	remove.AddOffset("orders", 0, 3, -1)
	if _, err := w.admin.DeleteRecords(t.Context(), remove); err != nil {
		t.Fatal(err)
	}
	w.start(nil)
	origin := w.await("orders", 0, 4)
	if err := w.proves(origin, 3, "d"); err != nil {
		t.Error(err)
	}
	if _, err := w.ledger.Prove(origin, ledger.Opened{Offset: 1, Record: proof.LostRecord(proof.Expired)}); err != nil {
		t.Errorf("offset 1 is not lost: %v", err)
	}
}

func TestALogThatWasCutBackStartsAnotherGeneration(t *testing.T) {
	w := newWorld(t)
	w.create("orders", 1, nil)
	w.produce("orders", 0, "a", "b")
	origin := w.await("orders", 0, 2)
	w.stop()
	w.start(func(l *ledger.Ledger) { // a leaf that the log does not have
		tree, err := proof.ParseOrigin("example.com/events", origin)
		if err != nil {
			t.Fatal(err)
		}
		p, err := l.Open(tree)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Lost(3, proof.Removed); err != nil {
			t.Fatal(err)
		}
	})
	now := w.await("orders", 0, 2, origin)
	if !strings.HasSuffix(now, "/0/1") {
		t.Errorf("the tree is %s, after %s", now, origin)
	}
	if h, err := w.ledger.Head(origin); err != nil || !h.Closed {
		t.Errorf("the old tree is %+v, %v", h, err)
	}
	if err := w.proves(now, 0, "a"); err != nil {
		t.Error(err)
	}
	if !strings.Contains(w.log.String(), "cut back") {
		t.Error("nobody was told")
	}
}

// diverge gives a tree of five leaves three more, of records that the log does not
// have, which gets four others.
func (w *world) diverge(origin string) func(*ledger.Ledger) {
	return func(l *ledger.Ledger) {
		tree, err := proof.ParseOrigin("example.com/events", origin)
		if err != nil {
			w.t.Fatal(err)
		}
		p, err := l.Open(tree)
		if err != nil {
			w.t.Fatal(err)
		}
		var codecs batch.Codecs
		b := codecs.NewBuilder(batch.Head{BaseOffset: 5})
		for range 3 {
			if err := b.Append(batch.Record{Timestamp: 1, Value: []byte("of another leader")}); err != nil {
				w.t.Fatal(err)
			}
		}
		built, err := b.Build()
		if err != nil {
			w.t.Fatal(err)
		}
		if err := p.Add(built); err != nil {
			w.t.Fatal(err)
		}
		w.produce("orders", 0, "f", "g", "h", "i")
	}
}

// A tail that was cut off and grew again has other records: found out by the
// records themselves, though there are more of them than the ledger saw.
func TestALogThatDivergedStartsAnotherGeneration(t *testing.T) {
	w := newWorld(t)
	w.create("orders", 1, nil)
	w.produce("orders", 0, "a", "b", "c", "d", "e")
	origin := w.await("orders", 0, 5)
	w.stop()
	w.start(w.diverge(origin))
	now := w.await("orders", 0, 9, origin)
	if !strings.HasSuffix(now, "/0/1") {
		t.Errorf("the tree is %s, after %s", now, origin)
	}
	h, err := w.ledger.Head(origin)
	if err != nil || !h.Closed {
		t.Errorf("the old tree is %+v, %v", h, err)
	}
	if err := w.proves(now, 8, "i"); err != nil {
		t.Error(err)
	}
	if text := w.log.String(); !strings.Contains(text, "alarm=diverged") || !strings.Contains(text, "from=5") {
		t.Errorf("nobody was told where:\n%s", text)
	}
}

// The records at the end were erased, so that nothing can be told from their leaves:
// the log is compared with those before them.
func TestALogThatDivergedBeforeErasedRecordsStartsAnotherGeneration(t *testing.T) {
	w := newWorld(t)
	w.create("orders", 1, nil)
	w.produce("orders", 0, "a", "b", "c", "d", "e")
	origin := w.await("orders", 0, 5)
	w.stop()
	w.assigned = func(string, int32) bool { return false } // nobody follows meanwhile
	w.start(w.diverge(origin))
	for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		if h, err := w.ledger.Head(origin); err == nil && h.Size == 8 {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the tree does not get its leaves")
		}
	}
	tree, err := proof.ParseOrigin("example.com/events", origin)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.ledger.Erase(t.Context(), tree, []proof.Range{{First: 6, Last: 7}}, "User:admin"); err != nil {
		t.Fatal(err)
	}
	w.stop()
	w.assigned = nil
	w.start(nil)
	now := w.await("orders", 0, 9, origin)
	if !strings.HasSuffix(now, "/0/1") {
		t.Errorf("the tree is %s, after %s", now, origin)
	}
}

// That a generation has ended may be lost with the round that should say so: the
// log is compared with it once more.
func TestALogThatDivergedIsComparedAgainAfterADiskFailed(t *testing.T) {
	w := newWorld(t)
	w.create("orders", 1, nil)
	w.produce("orders", 0, "a", "b", "c", "d", "e")
	origin := w.await("orders", 0, 5)
	w.stop()
	var failed atomic.Bool
	following := make(chan struct{})
	goOn := sync.OnceFunc(func() { close(following) })
	t.Cleanup(goOn)
	w.disk = vfs.NewFaulty(w.disk, func(op vfs.Op) error {
		if op.Kind != vfs.OpWrite || !strings.Contains(w.log.String(), "alarm=diverged") {
			return nil
		}
		<-following
		if failed.Swap(true) {
			return nil
		}
		return errors.New("disk on fire")
	})
	w.start(w.diverge(origin))
	w.awaitNext(origin, 9)
	goOn()
	now := w.await("orders", 0, 9, origin)
	if !strings.HasSuffix(now, "/0/1") || !failed.Load() {
		t.Errorf("the tree is %s, after %s", now, origin)
	}
	if h, err := w.ledger.Head(origin); err != nil || !h.Closed || h.Size != 8 {
		t.Errorf("the old tree is %+v, %v", h, err)
	}
}

// awaitNext waits until the newest tree of a partition has leaves, durable or not.
func (w *world) awaitNext(origin string, size int64) {
	w.t.Helper()
	tree, err := proof.ParseOrigin("example.com/events", origin)
	if err != nil {
		w.t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if p, err := w.ledger.Open(tree); err == nil && p.Next() == size {
			return
		}
	}
	w.t.Fatalf("no tree grows to %d leaves\n%s", size, w.log)
}

func TestATopicDeletedWhileTheDiskFailedIsClosed(t *testing.T) {
	w := newWorld(t)
	w.stop()
	var fails atomic.Bool
	w.disk = vfs.NewFaulty(w.disk, func(op vfs.Op) error {
		if fails.Load() && op.Kind == vfs.OpWrite {
			return errors.New("disk on fire")
		}
		return nil
	})
	w.start(nil)
	w.create("orders", 1, nil)
	w.produce("orders", 0, "a", "b")
	old := w.await("orders", 0, 2)
	fails.Store(true)
	w.produce("orders", 0, "c")
	for end := time.Now().Add(time.Minute); w.ledger.Err() == nil; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the ledger does not stop")
		}
	}
	if _, err := w.admin.DeleteTopic(t.Context(), "orders"); err != nil {
		t.Fatal(err)
	}
	fails.Store(false)
	w.awaitClosed(old)
	if h, err := w.ledger.Head(old); err != nil || h.Size != 2 {
		t.Errorf("the tree is %+v, %v", h, err)
	}
}

// The disk fails between the decision to close a tree and the round that says so,
// when nobody follows it any more.
func TestATreeThatWasToBeClosedWhenTheDiskFailedIsClosed(t *testing.T) {
	w := newWorld(t)
	w.stop()
	var fails atomic.Bool
	w.disk = vfs.NewFaulty(w.disk, func(op vfs.Op) error {
		if fails.Load() && op.Kind == vfs.OpWrite {
			return errors.New("disk on fire")
		}
		return nil
	})
	w.start(nil)
	w.create("orders", 1, nil)
	w.produce("orders", 0, "a", "b")
	old := w.await("orders", 0, 2)
	fails.Store(true)
	if _, err := w.admin.DeleteTopic(t.Context(), "orders"); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); w.ledger.Err() == nil; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the ledger does not stop")
		}
	}
	fails.Store(false)
	w.awaitClosed(old)
}

func TestTopicsThatAreTurnedOffHaveNoTree(t *testing.T) {
	w := newWorld(t)
	off := Off
	w.create("quiet", 1, map[string]*string{Setting: &off})
	w.create("orders", 1, nil)
	w.produce("quiet", 0, "a")
	w.produce("orders", 0, "a")
	w.await("orders", 0, 1)
	if origin, err := w.ledger.Newest("quiet", "0"); err == nil {
		t.Errorf("it has the tree %s", origin)
	}
}

// A broker that is asked while it starts, or is not sure, may leave a topic out
// or answer with an error. A tree that was closed for that would be closed for ever.
func TestATopicThatIsMissedForAMomentKeepsItsTree(t *testing.T) {
	for name, hide := range map[string]func(*kmsg.MetadataResponse){
		"left out": func(r *kmsg.MetadataResponse) { r.Topics = nil },
		"error": func(r *kmsg.MetadataResponse) {
			for i := range r.Topics {
				r.Topics[i].ErrorCode = kerr.LeaderNotAvailable.Code
				r.Topics[i].Partitions = nil
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.create("orders", 1, nil)
			w.produce("orders", 0, "a")
			origin := w.await("orders", 0, 1)
			hidden := make(chan struct{})
			w.cluster.ControlKey(int16(kmsg.Metadata), func(req kmsg.Request) (kmsg.Response, error, bool) {
				if req.(*kmsg.MetadataRequest).Topics != nil {
					w.cluster.KeepControl()
					return nil, nil, false
				}
				close(hidden)
				resp := req.ResponseKind().(*kmsg.MetadataResponse)
				for i, addr := range w.brokers {
					resp.Brokers = append(resp.Brokers, kmsgBroker(t, int32(i), addr))
				}
				topic := kmsg.NewMetadataResponseTopic()
				topic.Topic = kmsg.StringPtr("orders")
				resp.Topics = append(resp.Topics, topic)
				hide(resp)
				return resp, nil, true
			})
			<-hidden
			w.produce("orders", 0, "b")
			if again := w.await("orders", 0, 2); again != origin {
				t.Errorf("the tree is %s, was %s", again, origin)
			}
		})
	}
}

func kmsgBroker(t *testing.T, id int32, addr string) kmsg.MetadataResponseBroker {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	b := kmsg.NewMetadataResponseBroker()
	b.NodeID, b.Host = id, host
	number, err := strconv.ParseInt(port, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	b.Port = int32(number)
	return b
}
