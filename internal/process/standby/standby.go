// Package standby makes the state of tasks from their changelog: whole, for who is given
// a task and has none or an old one, and all the time, for who keeps a copy so that it
// can take the task over at once. Both end in the same place, so that a copy that was
// followed needs nothing but its last few changes to be the state.
//
// Who is to have which copy is decided elsewhere, and what is in it is written by the
// tasks' steps.
package standby

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/obs"
	"github.com/evidentlog/evident/internal/process/state"
)

// Config says whose state it is.
type Config struct {
	// Client makes clients of the cluster, which the Keeper closes.
	Client func(...kgo.Opt) (*kgo.Client, error)
	// Topic is the changelog: its partition N has the changes of task N.
	Topic string
	// DB has the state. It is the caller's, and closed after the Keeper has ended.
	DB *state.DB
	// Settled waits until who had a task before has nothing open that it can still
	// commit (see group.Group), and tells of the task's positions. Nil: nobody had it.
	Settled func(ctx context.Context, client *kgo.Client, task int32) (Positions, error)
	// Processor and Version are labels of the metrics.
	Processor, Version string
	// Keep is how long state stays that is neither a task's of this node nor a copy that
	// it is to keep; 0 is 10 minutes.
	Keep time.Duration
	// Logger receives what an operator should know; nil: nothing is said.
	Logger *slog.Logger
	// Metrics serves figures; nil serves none.
	Metrics prometheus.Registerer
	// Now is the clock; nil: the wall clock.
	Now func() time.Time
}

const (
	// restores is how many tasks' changelogs are read at a time.
	restores = 4
	// pace is how often it is looked how far copies are behind.
	pace = time.Second
)

// Keeper has the state of the tasks of this node, and of those it is a standby of. It
// is safe for concurrent use.
type Keeper struct {
	cfg     Config
	client  *kgo.Client // for questions
	places  chan struct{}
	changed chan struct{} // holds one if duties or tasks have changed
	figures *obs.Registered
	topic   topicCache

	mu struct {
		sync.Mutex
		replicas map[int32]*replica
		duties   map[int32]bool
	}
}

// New makes a Keeper of what there is on disk. It has to be closed.
func New(cfg Config) (*Keeper, error) {
	cfg.setDefaults()
	client, err := cfg.Client()
	if err != nil {
		return nil, err
	}
	k := &Keeper{cfg: cfg, client: client, places: make(chan struct{}, restores), changed: make(chan struct{}, 1)}
	k.mu.replicas, k.mu.duties = map[int32]*replica{}, map[int32]bool{}
	there, err := cfg.DB.Partitions()
	for _, task := range there {
		if err == nil {
			_, err = k.replica(task)
		}
	}
	if err == nil {
		err = k.register()
	}
	if err != nil {
		client.Close()
		return nil, fmt.Errorf("copies of %s: %w", cfg.Topic, err)
	}
	return k, nil
}

func (c *Config) setDefaults() {
	if c.Keep == 0 {
		c.Keep = 10 * time.Minute
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Settled == nil {
		c.Settled = func(context.Context, *kgo.Client, int32) (Positions, error) { return Positions{}, nil }
	}
}

// Close gives back what the Keeper has taken, after Run and every Restore have ended.
func (k *Keeper) Close() {
	k.figures.Close()
	k.client.Close()
}

// Follow says of which tasks' state copies are to be kept. A task that this node has
// itself is none of them as long as it has it.
func (k *Keeper) Follow(tasks []int32) {
	k.mu.Lock()
	defer k.mu.Unlock()
	next := map[int32]bool{}
	for _, t := range tasks {
		next[t] = true
	}
	if !maps.Equal(next, k.mu.duties) {
		k.mu.duties = next
		k.stir()
	}
}

// stir has Run look again.
func (k *Keeper) stir() {
	select {
	case k.changed <- struct{}{}:
	default:
	}
}

// replica is that of a task, made if there is none yet.
func (k *Keeper) replica(task int32) (*replica, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if r := k.mu.replicas[task]; r != nil {
		return r, nil
	}
	s, err := k.cfg.DB.Task(task)
	if err != nil {
		return nil, err
	}
	r := &replica{task: task, state: s}
	k.mu.replicas[task] = r
	return r, nil
}

// all are the replicas that there are.
func (k *Keeper) all() map[int32]*replica {
	k.mu.Lock()
	defer k.mu.Unlock()
	return maps.Clone(k.mu.replicas)
}

// wanted are the duties.
func (k *Keeper) wanted() map[int32]bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return maps.Clone(k.mu.duties)
}

// Positions are the offsets of the changelog that come next, of all state that there is
// on this node, by task.
func (k *Keeper) Positions() map[int32]int64 {
	all := map[int32]int64{}
	for task, r := range k.all() {
		if next := r.state.Position().Next; next > 0 {
			all[task] = next
		}
	}
	return all
}

// Role is what the state of a task is to a node.
type Role string

const (
	// Standby is a copy that is kept.
	Standby Role = "standby"
	// Restoring is state that is being made for a task that the node has been given.
	Restoring Role = "restoring"
	// Active is the state of a task that the node has.
	Active Role = "active"
	// Left is state of a task that others have, kept a while.
	Left Role = "left"
)

// Status is how the state of a task is on this node.
type Status struct {
	Role Role
	// Next is the offset of the changelog that comes next, and End where it ended when
	// it was last looked; 0 if it was not yet.
	Next, End int64
	// From is the offset at which a restore began.
	From int64
}

// Lag is how many offsets the state is behind.
func (s Status) Lag() int64 { return max(0, s.End-s.Next) }

// Status is that of all state that there is on this node, by task.
func (k *Keeper) Status() map[int32]Status {
	duties, all := k.wanted(), map[int32]Status{}
	for task, r := range k.all() {
		s := r.status()
		if s.Role == Left && duties[task] {
			s.Role = Standby
		}
		all[task] = s
	}
	return all
}

// Copy is the state of a task as this node has it, to be read only, however old; false
// if there is none.
func (k *Keeper) Copy(task int32) (*state.Task, Status, bool) {
	k.mu.Lock()
	r := k.mu.replicas[task]
	k.mu.Unlock()
	if r == nil {
		return nil, Status{}, false
	}
	s := r.status()
	return r.state, s, s.Next > 0
}

// Run keeps copies of the tasks that [Keeper.Follow] has named, until ctx ends. An error
// is the DB's, which has to be closed then.
func (k *Keeper) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := k.follow(ctx); err != nil && ctx.Err() == nil {
			if failed := k.cfg.DB.Err(); failed != nil || errors.Is(err, state.ErrClosed) {
				return errors.Join(err, failed)
			}
			k.cfg.Logger.Warn("copies of state are not kept up, which is tried again", "changelog", k.cfg.Topic, "error", err)
			rest(ctx, pace)
		}
	}
	return nil
}

func rest(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
