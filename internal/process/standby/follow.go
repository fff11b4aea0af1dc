package standby

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/process/state"
)

// follow applies the changes of the tasks that it is to follow, until there are others.
func (k *Keeper) follow(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	select {
	case <-k.changed: // what changes from here on is seen
	default:
	}
	f := newFeed(k.cfg.Now)
	replicas, err := k.adopt(ctx, f)
	defer f.drop(replicas)
	if err != nil {
		return err
	}
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	failed := make(chan error, 1)
	if len(replicas) > 0 {
		running.Go(func() { failed <- k.read(ctx, f, replicas) })
	}
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-k.changed:
			return nil
		case err := <-failed:
			return err
		case <-ticker.C:
			if err := errors.Join(k.measure(ctx, replicas), k.clean()); err != nil {
				return err
			}
		}
	}
}

// adopt finds the replicas to be followed, and where each goes on.
func (k *Keeper) adopt(ctx context.Context, f *feed) (map[int32]*replica, error) {
	replicas := map[int32]*replica{}
	for task := range k.wanted() {
		r, err := k.replica(task)
		if err != nil {
			return replicas, err
		}
		if r.free() {
			replicas[task] = r
		}
	}
	if len(replicas) == 0 {
		return replicas, nil
	}
	logs, err := k.changelogs(ctx, slices.Collect(maps.Keys(replicas)))
	if err != nil {
		return replicas, err
	}
	for task, r := range replicas {
		if err := k.attach(r, f, logs[task]); err != nil {
			return replicas, err
		}
	}
	return replicas, nil
}

// attach has a replica that nobody uses go on from a feed.
func (k *Keeper) attach(r *replica, f *feed, log state.Changelog) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.free() {
		return nil
	}
	r.feed = f
	r.end.Store(log.End)
	_, err := r.state.Attach(log, k.cfg.Now())
	return err
}

// drop ends the following of replicas, as far as nobody else has them.
func (f *feed) drop(replicas map[int32]*replica) {
	for _, r := range replicas {
		r.mu.Lock()
		if r.feed == f {
			r.feed = nil
		}
		r.mu.Unlock()
	}
}

// read polls the changelog and applies what comes.
func (k *Keeper) read(ctx context.Context, f *feed, replicas map[int32]*replica) error {
	from := map[int32]kgo.Offset{}
	for task, r := range replicas {
		from[task] = kgo.NewOffset().At(r.state.Position().Next)
	}
	client, err := k.reader(from)
	if err != nil {
		return err
	}
	defer client.Close()
	for {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			return nil
		}
		var failed error
		fetches.EachPartition(func(p kgo.FetchTopicPartition) {
			if p.Err != nil {
				failed = errors.Join(failed, p.Err)
				return
			}
			raise(&replicas[p.Partition].end, p.HighWatermark)
			failed = errors.Join(failed, f.apply(replicas[p.Partition], p.Records))
		})
		if failed != nil {
			return failed
		}
	}
}

// reader makes a client that reads partitions of the changelog.
func (k *Keeper) reader(from map[int32]kgo.Offset) (*kgo.Client, error) {
	return k.cfg.Client(
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{k.cfg.Topic: from}),
		// Where the log begins later than the state ends, nothing may be passed over.
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
		kgo.FetchMaxBytes(16<<20), kgo.FetchMaxPartitionBytes(4<<20), kgo.MaxConcurrentFetches(2),
	)
}

// touchEvery is how often it is noted that a copy to which nothing comes is one of now.
const touchEvery = 10 * time.Minute

// measure notes where the changelog ends, and that copies that are there are of now.
func (k *Keeper) measure(ctx context.Context, replicas map[int32]*replica) error {
	if len(replicas) == 0 {
		return nil
	}
	ends, err := k.offsets(ctx, slices.Collect(maps.Keys(replicas)), latest)
	if err != nil {
		return err
	}
	now := k.cfg.Now()
	for task, end := range ends {
		r := replicas[task]
		r.end.Store(end)
		if p := r.state.Position(); p.Next < end || now.Sub(p.At) < touchEvery {
			continue
		}
		r.mu.Lock()
		if r.feed != nil {
			err = errors.Join(err, r.state.Touch(now))
		}
		r.mu.Unlock()
	}
	return err
}

// clean removes state that nobody has wanted for a while.
func (k *Keeper) clean() error {
	duties, now := k.wanted(), k.cfg.Now()
	for task, r := range k.all() {
		if duties[task] || !r.free() {
			continue
		}
		r.roles.Lock()
		if r.roles.left.IsZero() {
			r.roles.left = now
		}
		old := now.Sub(r.roles.left) >= k.cfg.Keep
		r.roles.Unlock()
		if old {
			if err := k.forget(task, r); err != nil {
				return err
			}
		}
	}
	return nil
}

// forget removes the state of a task that nobody has taken meanwhile.
func (k *Keeper) forget(task int32, r *replica) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.free() || r.state.Position().Next == 0 {
		return nil
	}
	k.cfg.Logger.Info("state of a task that is elsewhere is removed", "changelog", k.cfg.Topic, "task", task)
	return r.state.Drop()
}
