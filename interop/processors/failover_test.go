package processors

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/process/history"
)

var (
	rounds = flag.Int("rounds", 10, "how often failover is measured")
	stored = flag.Int("stored", 0, "how many keys there are when it is")
)

// Each time, a node is killed with SIGKILL; the others have done something for each of
// its tasks, and it is committed, before the node is started again.
func TestOtherNodesGoOnWithTheTasksOfOneThatIsKilled(t *testing.T) {
	f := newField(t)
	if err := fill(t.Context(), f.producer, f.topics.Inputs[0], *stored); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	loaded := make(chan error, 1)
	go func() { loaded <- load(ctx, f.producer, f.topics.Inputs[0], *seed, count) }()
	w := watch(t, f.topics.Notes)
	var took []time.Duration
	for i := range *rounds {
		await(t, "each node has tasks, and they stay", func() bool { return w.quiet(len(f.workers)) })
		victim := f.workers[i%len(f.workers)]
		tasks := w.tasksOf(victim.data)
		killed := time.Now()
		victim.kill()
		var last time.Time
		await(t, "others go on with the tasks of the node that was killed", func() (ok bool) {
			last, ok = w.takenOver(tasks, victim.data)
			return ok
		})
		took = append(took, last.Sub(killed))
		t.Logf("after %v the last of %d tasks had a step by another node", last.Sub(killed).Round(time.Millisecond), len(tasks))
		victim.start()
	}
	cancel()
	if err := <-loaded; err != nil {
		t.Fatal(err)
	}
	slices.Sort(took)
	t.Logf("failover with %d standbys and %d keys, %d times: median %v, at most %v", *standbys, *stored,
		len(took), took[len(took)/2].Round(time.Millisecond), took[len(took)-1].Round(time.Millisecond))
	f.settle()
}

// count orders nothing but an output.
func count(*rand.Rand) []byte { return []byte(`{"outputs":1}`) }

// fill writes a record for each of n keys.
func fill(ctx context.Context, cl *kgo.Client, topic string, n int) error {
	var failed kgo.FirstErrPromise
	for i := range n {
		cl.Produce(ctx, &kgo.Record{Topic: topic, Key: fmt.Appendf(nil, "stored-%d", i), Value: []byte(`{}`)}, failed.Promise())
	}
	return failed.Err()
}

// A watcher knows who does what, by the notes that are committed.
type watcher struct {
	mu    sync.Mutex
	tasks map[int32]*sight
	moved time.Time // when a task was last found elsewhere
}

// A sight is the last note of a task.
type sight struct {
	by    string
	since time.Time // of the first note by that node
	last  time.Time
}

// watch reads notes until the test ends.
func watch(t *testing.T, topic string) *watcher {
	t.Helper()
	w := &watcher{tasks: map[int32]*sight{}}
	cl := newClient(t, kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxWait(100*time.Millisecond))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	t.Cleanup(func() { cancel(); <-done })
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			fetches := cl.PollFetches(ctx)
			if err := fetches.Err(); err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("reading notes: %v", err)
				return
			}
			w.see(fetches, time.Now())
		}
	}()
	return w
}

func (w *watcher) see(fetches kgo.Fetches, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	fetches.EachRecord(func(r *kgo.Record) {
		var n history.Note
		if json.Unmarshal(r.Value, &n) != nil {
			return // settle finds it
		}
		s := w.tasks[r.Partition]
		if s == nil || s.by != n.By {
			s = &sight{by: n.By, since: now}
			w.tasks[r.Partition], w.moved = s, now
		}
		s.last = now
	})
}

// quiet tells whether so many nodes have tasks, all of them at work, none of which has
// moved for a while.
func (w *watcher) quiet(nodes int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	owners := map[string]bool{}
	for _, s := range w.tasks {
		if owners[s.by] = true; time.Since(s.last) > time.Second {
			return false
		}
	}
	return len(owners) == nodes && time.Since(w.moved) > 5*time.Second
}

// tasksOf are the tasks of a node.
func (w *watcher) tasksOf(node string) (tasks []int32) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for task, s := range w.tasks {
		if s.by == node {
			tasks = append(tasks, task)
		}
	}
	return tasks
}

// takenOver is when the last of some tasks had its first step by others than a node; not
// ok if one has none yet.
func (w *watcher) takenOver(tasks []int32, node string) (last time.Time, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, task := range tasks {
		s := w.tasks[task]
		if s.by == node {
			return last, false
		}
		if s.since.After(last) {
			last = s.since
		}
	}
	return last, true
}

// await waits until something is so.
func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Minute); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not after five minutes", what)
		}
	}
}
