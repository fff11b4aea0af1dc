package process

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/internal/process/txn"
)

// grace is how long what is under way may take when tasks are to be given up. A
// rebalance waits for longer.
const grace = 5 * time.Second

// Run is a version of a processor on this node.
type Run struct {
	cfg     *Config
	p       Processor
	policy  Policy
	log     *slog.Logger
	metrics *metrics
	codecs  batch.Codecs

	// Of the membership that goes on; made before its goroutines.
	client  *kgo.Client
	topics  *txn.Topics
	workers []*worker
	hard    context.Context // ends when nothing is waited for any more
	room    room

	mu struct {
		sync.Mutex
		tasks map[int32]*task
	}
}

// once is a member of the group, with its tasks, until ctx ends or something happens
// after which only a new beginning is safe.
func (r *Run) once(ctx context.Context) error {
	partitions, err := r.prepare(ctx)
	if err != nil {
		return err
	}
	hard, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	r.hard, r.room = hard, newRoom(int64(r.cfg.Buffer))
	if r.client, err = r.cfg.Client(r.options()...); err != nil {
		return fmt.Errorf("client of the group: %w", err)
	}
	defer r.client.Close()
	r.topics = txn.NewTopics(r.client)
	r.workers = make([]*worker, min(r.cfg.Workers, int(partitions)))
	for i := range r.workers {
		r.workers[i] = r.newWorker(i)
	}
	g, ctx := errgroup.WithContext(ctx)
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })
	defer stop()
	for _, w := range r.workers {
		g.Go(func() error { return w.work(ctx, hard) })
	}
	g.Go(func() error { return r.consume(ctx) })
	err = g.Wait()
	cancel()
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.mu.tasks)
	return err
}

func (r *Run) newWorker(n int) *worker {
	w := &worker{run: r, log: r.log.With("worker", n), wake: make(chan struct{}, 1)}
	w.producer = txn.New(txn.Config{
		Client: r.cfg.Client, Topics: r.topics,
		ID: fmt.Sprintf("%s.%s.%d", r.p.groupName(), r.cfg.Instance, n),
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
