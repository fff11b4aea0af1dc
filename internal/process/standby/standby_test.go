package standby_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/evidenttest"
	"github.com/evidentlog/evident/internal/process/standby"
	"github.com/evidentlog/evident/internal/process/state"
	"github.com/evidentlog/evident/internal/vfs"
)

const changelog = "evident-process.p.1.changelog"

// A world is a cluster with a changelog, which a task's owner writes.
type world struct {
	t      *testing.T
	node   *evidenttest.Node
	writer *kgo.Client
	from   *state.DB // the owner's state, from which changes are made
}

func newWorld(t *testing.T, partitions int32) *world {
	t.Helper()
	w := &world{t: t, node: evidenttest.Start(t, evidenttest.Listen(), evidenttest.WithoutLedger())}
	if _, err := kadm.NewClient(w.node.Client()).CreateTopic(t.Context(), partitions, 1, nil, changelog); err != nil {
		t.Fatal(err)
	}
	w.writer = w.node.Client(kgo.TransactionalID("owner"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	w.from = w.db(vfs.NewMem())
	return w
}

// client makes a client that the caller closes.
func (w *world) client(opts ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(w.node.KafkaAddress())}, opts...)...)
}

func (w *world) db(fs vfs.FS) *state.DB {
	w.t.Helper()
	db, err := state.Open(state.Config{FS: fs, Dir: "/state", Stores: []state.StoreConfig{{Name: "s"}}})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if err := db.Close(); err != nil {
			w.t.Error(err)
		}
	})
	return db
}

// keeper is one that runs.
func (w *world) keeper(cfg standby.Config) *standby.Keeper {
	w.t.Helper()
	cfg.Topic = changelog
	cfg.Client = w.client
	if cfg.DB == nil {
		cfg.DB = w.db(vfs.NewMem())
	}
	k, err := standby.New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(w.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- k.Run(ctx) }()
	w.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Error(err)
		}
		k.Close()
	})
	return k
}

// put writes values of keys in one transaction, which is left open if end is nil.
func (w *world) put(task int32, end *kgo.TransactionEndTry, pairs ...string) {
	w.t.Helper()
	s, err := w.from.Task(task)
	if err != nil {
		w.t.Fatal(err)
	}
	tx := s.Begin(time.Now())
	for i := 0; i < len(pairs); i += 2 {
		if err := tx.Store("s").Put([]byte(pairs[i]), []byte(pairs[i+1])); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := w.writer.BeginTransaction(); err != nil {
		w.t.Fatal(err)
	}
	for _, c := range tx.Changes() {
		r := &kgo.Record{Topic: changelog, Partition: task, Key: c.Key, Value: c.Value}
		if err := w.writer.ProduceSync(w.t.Context(), r).FirstErr(); err != nil {
			w.t.Fatal(err)
		}
	}
	tx.Discard()
	if end != nil {
		w.end(*end)
	}
}

func (w *world) end(how kgo.TransactionEndTry) {
	w.t.Helper()
	if err := w.writer.EndTransaction(w.t.Context(), how); err != nil {
		w.t.Fatal(err)
	}
}

var commit, abort = new(kgo.TryCommit), new(kgo.TryAbort)

// want looks a key up.
func (w *world) want(s *state.Task, key, value string) {
	w.t.Helper()
	got, ok, err := s.Get("s", []byte(key), time.Now())
	if err != nil || ok != (value != "") || string(got) != value {
		w.t.Errorf("%s is %q, %v, %v, want %q", key, got, ok, err, value)
	}
}

// restore is a task's state as its new owner has it.
func (w *world) restore(k *standby.Keeper, task int32) *state.Task {
	w.t.Helper()
	s, err := k.Restore(w.t.Context(), task)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// until waits for the status of a task.
func (w *world) until(k *standby.Keeper, task int32, what string, is func(standby.Status) bool) {
	w.t.Helper()
	deadline := time.Now().Add(5 * time.Minute) // of a slow machine's
	for !is(k.Status()[task]) {
		if time.Now().After(deadline) {
			w.t.Fatalf("it did not come to %s: %+v", what, k.Status()[task])
		}
		time.Sleep(time.Millisecond)
	}
}

func TestStateIsWhatWasCommitted(t *testing.T) {
	w := newWorld(t, 2)
	w.put(0, commit, "a", "1", "b", "1")
	w.put(0, abort, "a", "2", "c", "2")
	w.put(1, commit, "a", "9")
	k := w.keeper(standby.Config{})
	s := w.restore(k, 0)
	w.want(s, "a", "1")
	w.want(s, "b", "1")
	w.want(s, "c", "")
	if got := k.Status()[0]; got.Role != standby.Active || got.Lag() != 0 {
		t.Errorf("status %+v", got)
	}
	if _, err := k.Restore(t.Context(), 0); err == nil {
		t.Error("a task's state was given twice")
	}
}

// What the owner before has begun, and can still commit, is waited for.
func TestATransactionThatIsOpenIsWaitedFor(t *testing.T) {
	w := newWorld(t, 1)
	w.put(0, commit, "a", "1")
	w.put(0, nil, "a", "2")
	asked := make(chan struct{})
	k := w.keeper(standby.Config{Settled: func(context.Context, *kgo.Client, int32) (standby.Positions, error) {
		close(asked)
		return standby.Positions{}, nil
	}})
	done := make(chan *state.Task)
	go func() { done <- w.restore(k, 0) }()
	<-asked
	w.until(k, 0, "the open transaction", func(s standby.Status) bool { return s.Role == standby.Restoring && s.Next == 2 && s.End == 3 })
	w.end(kgo.TryCommit)
	w.want(<-done, "a", "2")
}

// Or deletions would be missed, that are gone from the changelog by the time it goes on.
func TestARestoreThatIsBrokenOffLeavesTheStateAsOldAsItWas(t *testing.T) {
	w := newWorld(t, 1)
	var clock atomic.Int64
	clock.Store(1_000_000)
	k := w.keeper(standby.Config{Now: func() time.Time { return time.UnixMilli(clock.Load()) }, Keep: time.Hour})
	w.put(0, commit, "a", "1")
	was := w.restore(k, 0).Position().At
	k.Release(0)
	w.put(0, commit, "b", "1")
	w.put(0, nil, "c", "1")
	clock.Add(1_000_000)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { _, err := k.Restore(ctx, 0); ended <- err }()
	w.until(k, 0, "the open transaction", func(s standby.Status) bool { return s.Role == standby.Restoring && s.Next == 4 })
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	w.end(kgo.TryAbort)
	s, status, _ := k.Copy(0)
	w.want(s, "b", "1")
	if at := s.Position().At; status.Next != 4 || !at.Equal(was) {
		t.Errorf("the state is of %v at offset %d, want %v and 4", at, status.Next, was)
	}
}

func TestWhoHadTheTaskIsAskedForFirst(t *testing.T) {
	w := newWorld(t, 1)
	w.put(0, commit, "a", "1")
	k := w.keeper(standby.Config{Settled: func(_ context.Context, _ *kgo.Client, task int32) (standby.Positions, error) {
		if task == 0 {
			w.put(0, commit, "a", "2") // it still could
		}
		return standby.Positions{}, nil
	}})
	w.want(w.restore(k, 0), "a", "2")
}

func TestACopyIsTheStateWhenItIsTakenOver(t *testing.T) {
	w := newWorld(t, 3)
	k := w.keeper(standby.Config{})
	k.Follow([]int32{0, 1})
	for i := range 50 {
		w.put(int32(i%2), commit, "a", fmt.Sprint(i), fmt.Sprint("k", i), "x")
	}
	for task := range int32(2) {
		w.until(k, task, "the end", func(s standby.Status) bool { return s.Role == standby.Standby && s.End == 75 && s.Lag() == 0 })
	}
	if got := k.Positions(); fmt.Sprint(got) != "map[0:75 1:75]" {
		t.Errorf("positions %v", got)
	}
	w.put(0, commit, "last", "1")
	s := w.restore(k, 0)
	w.want(s, "a", "48")
	w.want(s, "k0", "x")
	w.want(s, "last", "1")
	// The owner's steps, and then somebody else's.
	tx := s.Begin(time.Now())
	if err := tx.Store("s").Put([]byte("own"), []byte("1")); err != nil {
		t.Fatal(err)
	}
	w.put(0, commit, "own", "1")
	if err := tx.Commit(s.Position().Next + 2); err != nil {
		t.Fatal(err)
	}
	k.Release(0)
	w.put(0, commit, "other", "1")
	w.until(k, 0, "the end as a copy again", func(s standby.Status) bool { return s.Role == standby.Standby && s.End == 81 && s.Lag() == 0 })
	w.want(s, "own", "1")
	w.want(s, "other", "1")
}

func TestStateThatNobodyWantsIsRemovedAfterAWhile(t *testing.T) {
	w := newWorld(t, 2)
	w.put(0, commit, "a", "1")
	w.put(1, commit, "a", "1")
	k := w.keeper(standby.Config{Keep: time.Nanosecond})
	k.Follow([]int32{1})
	w.restore(k, 0)
	w.until(k, 1, "a copy", func(s standby.Status) bool { return s.Next > 0 })
	k.Release(0)
	w.until(k, 0, "no state", func(s standby.Status) bool { return s.Role == standby.Left && s.Next == 0 })
	if k.Status()[1].Next == 0 {
		t.Error("a copy that is wanted was removed")
	}
}

func TestStateFromBeforeARestartIsGoneOnWith(t *testing.T) {
	w := newWorld(t, 1)
	disk := vfs.NewMem()
	first, err := state.Open(state.Config{FS: disk, Dir: "/state", Stores: []state.StoreConfig{{Name: "s"}}})
	if err != nil {
		t.Fatal(err)
	}
	w.put(0, commit, "a", "1")
	k, err := standby.New(standby.Config{
		Client: w.client, Topic: changelog, DB: first,
	})
	if err != nil {
		t.Fatal(err)
	}
	w.restore(k, 0)
	k.Close()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again := w.keeper(standby.Config{DB: w.db(disk)})
	if got := again.Positions(); fmt.Sprint(got) != "map[0:2]" {
		t.Errorf("positions %v", got)
	}
	w.put(0, commit, "b", "1")
	s := w.restore(again, 0)
	w.want(s, "a", "1")
	w.want(s, "b", "1")
}
