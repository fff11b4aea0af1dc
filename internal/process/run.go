package process

import (
	"context"
	"fmt"
	"hash/maphash"
	"log/slog"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/internal/process/group"
	"github.com/evidentlog/evident/internal/process/standby"
	"github.com/evidentlog/evident/internal/process/state"
	"github.com/evidentlog/evident/internal/process/txn"
)

// grace is how long what is under way may take when tasks are to be given up. A
// rebalance waits for longer.
const grace = 5 * time.Second

// metadataAge is how long what a cluster says of topics is good for: inputs that are made
// a moment after the processor should not be waited for long.
const metadataAge = 100 * time.Millisecond

// Run is a version of a processor on this node.
type Run struct {
	cfg     *Config
	p       Processor
	admit   func(context.Context) error // the version is still to run
	policy  Policy
	log     *slog.Logger
	metrics *metrics
	codecs  batch.Codecs
	paused  atomic.Bool
	seed    maphash.Seed          // of which key goes through which lane
	trouble atomic.Pointer[error] // why it stands still; nil if it does not

	// Of the membership that goes on; made before its goroutines.
	asker      *kgo.Client         // for questions
	partitions int32               // of each input
	ids        map[string][16]byte // of the inputs' topics
	begun      *begun              // nil with state
	former     map[int32]bool      // tasks with a position in what is no input any more
	client     *kgo.Client         // the group's member
	joined     chan struct{}       // closed when there is a client: it tells of tasks before
	failed     chan error          // why the membership has to end; holds one
	topics     *txn.Topics
	workers    []*worker
	until      context.Context // ends when the version is to stop here
	hard       context.Context // ends when nothing is waited for any more
	room       room
	db         *state.DB       // nil without state
	copies     *standby.Keeper // nil without state
	preparing  sync.WaitGroup  // tasks that are made ready, or released beside their worker

	mu struct {
		sync.Mutex
		tasks map[int32]*task
		group *group.Group // nil before the first membership
		keep  *standby.Keeper
	}
}

// once is a member of the group, with its tasks, until ctx ends or something happens
// after which only a new beginning is safe.
func (r *Run) once(ctx context.Context) (err error) {
	if err := r.admit(ctx); err != nil {
		return err // before it is a member, for which others may wait
	}
	if r.asker, err = r.cfg.Client(kgo.MetadataMinAge(metadataAge)); err != nil {
		return fmt.Errorf("client: %w", err)
	}
	defer r.asker.Close()
	r.topics = txn.NewTopics(r.asker)
	if r.partitions, err = r.prepare(ctx); err != nil {
		return err
	}
	hard, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	member := r.join()
	if err := member.Evict(ctx, r.asker); err != nil {
		r.log.Warn("what is left of this node in the group from before a restart stays until the cluster misses it", "error", err)
	}
	r.until, r.hard, r.room = ctx, hard, newRoom(int64(r.cfg.Buffer))
	if err := r.openState(member); err != nil {
		return err
	}
	defer r.closeState()
	r.workers = make([]*worker, min(r.cfg.Workers, int(r.partitions)))
	for i := range r.workers {
		r.workers[i] = r.newWorker(i)
	}
	r.shown(member, r.copies)
	defer r.shown(nil, nil)
	r.joined, r.failed = make(chan struct{}), make(chan error, 1)
	if r.client, err = r.cfg.Client(r.options(member)...); err != nil {
		return fmt.Errorf("client of the group: %w", err)
	}
	close(r.joined)
	err = r.work(ctx, hard, cancel, member)
	cancel()
	r.client.Close() // which leaves the group, and so gives up tasks that have no worker
	r.preparing.Wait()
	return err
}

// work does what there is to do until ctx ends, or something fails.
func (r *Run) work(ctx, hard context.Context, cancel func(), member *group.Group) error {
	g, ctx := errgroup.WithContext(ctx)
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })
	defer stop()
	goesOn := time.AfterFunc(steady, r.goesOn)
	defer goesOn.Stop()
	for _, w := range r.workers {
		g.Go(func() error { return w.work(ctx, hard) })
	}
	g.Go(func() error { return r.consume(ctx) })
	g.Go(func() error {
		select {
		case <-ctx.Done():
			return nil
		case err := <-r.failed:
			return err
		}
	})
	g.Go(func() error { return member.Run(ctx, r.client) })
	if r.copies != nil {
		g.Go(func() error { return r.copies.Run(ctx) })
	}
	return g.Wait()
}

// openState opens the state of all tasks on this node, if the processor has some.
func (r *Run) openState(member *group.Group) (err error) {
	if !r.p.stateful() {
		return nil
	}
	version := strconv.Itoa(r.p.Version)
	r.db, err = state.Open(state.Config{
		FS: r.cfg.FS, Dir: filepath.Join(r.cfg.Dir, r.p.Name, version), Stores: r.p.stores(), Memory: r.cfg.Memory,
		Logger: r.log, Metrics: r.cfg.Metrics, Processor: r.p.Name, Version: version,
		MaxRecord: maxChange,
	})
	if err != nil {
		return err
	}
	r.copies, err = standby.New(standby.Config{
		Client: r.cfg.Client, Topic: r.p.changelog(), DB: r.db, Settled: r.settled(member),
		Processor: r.p.Name, Version: version, Logger: r.log, Metrics: r.cfg.Metrics, Now: r.cfg.Now,
	})
	if err != nil {
		r.closeState()
		return err
	}
	copies := r.copies
	member.OnChange(func() { copies.Follow(member.Duties()) })
	return nil
}

func (r *Run) closeState() {
	if r.copies != nil {
		r.copies.Close()
		r.copies = nil
	}
	if r.db != nil {
		if err := r.db.Close(); err != nil {
			r.log.Error("state was not closed: it is made again from the changelog, as far as need be", "error", err)
		}
		r.db = nil
	}
}

// shown lets others ask about the membership that goes on.
func (r *Run) shown(member *group.Group, keep *standby.Keeper) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mu.group, r.mu.keep = member, keep
	if member == nil {
		clear(r.mu.tasks)
	}
}

// keeper has the state of tasks on this node; nil if there is none.
func (r *Run) keeper() *standby.Keeper {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mu.keep
}

func (r *Run) newWorker(n int) *worker {
	w := &worker{run: r, log: r.log.With("worker", n), wake: make(chan struct{}, 1)}
	w.producer = txn.New(txn.Config{
		Client: r.cfg.Client, Topics: r.topics,
		ID: group.TransactionalID(r.p.Name, r.p.Version, r.cfg.Instance, n),
	})
	w.out = newOutbox(txn.NewBuffer(&r.codecs, batch.None))
	w.runner = newRunner(&w.hurry)
	return w
}

// least is the worker with the fewest tasks.
func (r *Run) least() *worker {
	var least *worker
	load := 0
	for _, w := range r.workers {
		w.mu.Lock()
		n := w.mu.load
		w.mu.Unlock()
		if least == nil || n < load {
			least, load = w, n
		}
	}
	return least
}

// find is a task of this node, or nil.
func (r *Run) find(partition int32) *task {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mu.tasks[partition]
}
