package process

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/process/state"
	"github.com/evidentlog/evident/internal/process/timer"
	"github.com/evidentlog/evident/internal/process/txn"
	"github.com/evidentlog/evident/internal/vfs"
)

// A Driver runs the code of one task without a cluster, by a clock that stands still
// until it is moved: with the worker's own retries, dead letters, state and timers, each
// record and each timer a step of its own. It is for tests of processors, and for one
// goroutine at a time.
type Driver struct {
	cfg    DriverConfig
	worker *worker
	task   *task
	cancel context.CancelFunc
	clock  atomic.Int64     // Unix ns; code that was given up may still look at it
	ends   map[string]int64 // of inputs
	// Of what is written: by topic and partition, and in the changelog, the offset that is next.
	offsets map[string]int64
	next    int64
}

// DriverConfig says what a [Driver] runs.
type DriverConfig struct {
	Processor Processor
	// Partition is the task's, of so many Partitions of each topic.
	Partition, Partitions int32
	// Now is what the clock shows at first.
	Now time.Time
	// Twice has each step undone once, as if the cluster had not committed it, and done
	// again. If its outputs and changes are others then, that is [ErrDiffers].
	Twice bool
	// Logger is told of failures of the code.
	Logger *slog.Logger
}

// Errors of a [Driver].
var (
	// ErrStopped says that the task can do no more.
	ErrStopped = errors.New("the task has stopped")
	// ErrDiffers says that a step that was done again has done something else.
	ErrDiffers = errors.New("a step that was undone and done again did something else")
	// ErrEndless says that what comes due at one time has no end.
	ErrEndless = errors.New("timers come due without end")
)

// NewDriver makes the code and its state. The error wraps [ErrInvalid] if there cannot be
// such a processor.
func NewDriver(cfg DriverConfig) (*Driver, error) {
	if err := cfg.Processor.Validate(); err != nil {
		return nil, err
	}
	if cfg.Partition < 0 || cfg.Partition >= cfg.Partitions {
		return nil, fmt.Errorf("%w: task %d of %d", ErrInvalid, cfg.Partition, cfg.Partitions)
	}
	d := &Driver{cfg: cfg, ends: make(map[string]int64), offsets: make(map[string]int64)}
	d.clock.Store(cfg.Now.UnixNano())
	r, err := d.newRun()
	if err != nil {
		return nil, err
	}
	d.worker = &worker{run: r, log: r.log, wake: make(chan struct{}, 1), out: newOutbox(nil)}
	d.worker.runner = newRunner(&d.worker.hurry)
	if err := d.begin(r); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// newRun is a version of the processor that no cluster knows.
func (d *Driver) newRun() (*Run, error) {
	p := d.cfg.Processor
	p.Concurrency = 1 // a step is one record
	r := &Run{
		cfg: &Config{FS: vfs.NewMem(), Logger: d.cfg.Logger, Now: d.Now}, p: p, policy: p.Policy.withDefaults(),
		seed: maphash.MakeSeed(), log: d.cfg.Logger, room: newRoom(defaultBuffer), topics: txn.AnyTopics(d.cfg.Partitions),
	}
	var err error
	if r.metrics, err = newMetrics(r); err != nil || !p.stateful() {
		return r, err
	}
	r.db, err = state.Open(state.Config{FS: r.cfg.FS, Dir: "state", Stores: p.stores(), Logger: r.log})
	return r, err
}

// begin takes the task on.
func (d *Driver) begin(r *Run) error {
	id := Task{Processor: r.p.Name, Version: r.p.Version, Partition: d.cfg.Partition, Partitions: d.cfg.Partitions}
	t := &task{id: id, run: r, worker: d.worker, log: r.log, careful: 1}
	t.mu.state = Running
	t.ctx, d.cancel = context.WithCancel(context.Background())
	for _, topic := range r.p.Inputs {
		t.inputs = append(t.inputs, &input{topic: topic})
	}
	d.task, d.worker.tasks = t, []*task{t}
	if r.db == nil {
		return t.makeCode(t.ctx)
	}
	kept, err := r.db.Task(id.Partition)
	if err != nil {
		return err
	}
	if _, err := kept.Attach(state.Changelog{Topic: [16]byte{1}}, d.Now()); err != nil {
		return err
	}
	t.keeping = keeping{kept: kept}
	return t.makeCode(t.ctx)
}

// Close ends the code, and waits for it, unless a call of it was given up.
func (d *Driver) Close() error {
	if d.cancel != nil {
		d.cancel()
	}
	d.worker.runner.close()
	if db := d.worker.run.db; db != nil {
		return db.Close()
	}
	return nil
}

// Now is what the clock shows.
func (d *Driver) Now() time.Time { return time.Unix(0, d.clock.Load()).UTC() }

// DeadLetters is the topic of what is given up.
func (d *Driver) DeadLetters() string { return d.cfg.Processor.deadLetters() }

// Restart makes the code anew, as after a crash: what was committed is there, and what
// the code had in its own memory is not.
func (d *Driver) Restart() error {
	d.task.aborted()
	d.task.queue = nil
	return d.task.makeCode(d.task.ctx)
}

// Put gives the task a record to be handled after those that it has, and says its
// offset. The record is the driver's from then on.
func (d *Driver) Put(r *kgo.Record) error {
	if !slices.Contains(d.cfg.Processor.Inputs, r.Topic) {
		return fmt.Errorf("%w: topic %q of a record is none of the inputs %q of %q", ErrInvalid, r.Topic, d.cfg.Processor.Inputs, d.cfg.Processor.Name)
	}
	r.Partition, r.Offset = d.cfg.Partition, d.ends[r.Topic]
	if r.Timestamp.IsZero() {
		r.Timestamp = d.Now()
	}
	r.Timestamp = r.Timestamp.Truncate(time.Millisecond) // as topics have it
	d.ends[r.Topic]++
	d.worker.run.room.take(d.task.in.put([]*kgo.Record{r}))
	return nil
}

// Timers are those that are set, by clock and time.
func (d *Driver) Timers() ([]Timer, error) {
	t := d.task
	if t.queue == nil {
		return nil, fmt.Errorf("%w: its declaration has to say Timers", ErrNoTimers)
	}
	t.open(d.Now())
	defer t.aborted()
	var all []Timer
	for set, err := range timer.All(t.timers()) {
		if err != nil {
			return nil, err
		}
		all = append(all, ours(set))
	}
	return all, nil
}
