package standby

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/process/gap"
	"github.com/evidentlog/evident/internal/process/state"
)

// Restore gives the state of a task to who has been given the task: it waits until
// nothing of it is open any more, and applies what is missing. The state is the
// caller's alone until [Keeper.Release]. The error wraps [ErrLost] if the changelog has
// not the state that belongs to the task's positions, and [ErrNoPositions] if they are gone.
func (k *Keeper) Restore(ctx context.Context, task int32) (*state.Task, error) {
	r, err := k.replica(task)
	if err != nil {
		return nil, err
	}
	if !r.free() {
		return nil, fmt.Errorf("the state of task %d of %s is in use", task, k.cfg.Topic)
	}
	r.become(Restoring, r.state.Position().Next, time.Time{})
	r.detach()
	if err := k.restore(ctx, r); err != nil {
		k.Release(task)
		return nil, fmt.Errorf("restore task %d from %s: %w", task, k.cfg.Topic, err)
	}
	r.become(Active, 0, time.Time{})
	return r.state, nil
}

// Release says that the caller does not use the state of a task any more.
func (k *Keeper) Release(task int32) {
	k.mu.Lock()
	r := k.mu.replicas[task]
	k.mu.Unlock()
	if r == nil {
		return
	}
	r.become(Left, 0, k.cfg.Now())
	k.stir()
}

func (k *Keeper) restore(ctx context.Context, r *replica) error {
	positions, err := k.cfg.Settled(ctx, k.client, r.task)
	if err != nil {
		return err
	}
	select {
	case k.places <- struct{}{}:
		defer func() { <-k.places }()
	case <-ctx.Done():
		return ctx.Err()
	}
	logs, err := k.changelogs(ctx, []int32{r.task})
	if err != nil {
		return err
	}
	log := logs[r.task]
	r.end.Store(log.End)
	if err := checkLog(k.cfg.Topic, positions.Marks, log); err != nil {
		return err
	}
	next, err := r.state.Attach(log, k.cfg.Now())
	if err != nil {
		return err
	}
	if log.Start > 0 && r.state.Position().At.IsZero() {
		return fmt.Errorf("%w: the records of the changelog %q before offset %d were deleted, and this node has no state of its own", ErrLost, k.cfg.Topic, log.Start)
	}
	if next < log.End {
		r.become(Restoring, next, time.Time{})
		if err := k.catchUp(ctx, r, next, log.End); err != nil {
			return err
		}
	}
	if !positions.None {
		return nil
	}
	// A step that changes state commits a position with it.
	empty, err := r.state.Empty()
	if err == nil && !empty {
		err = fmt.Errorf("%w: the changelog %q has state of task %d, and its group no position", ErrNoPositions, k.cfg.Topic, r.task)
	}
	return err
}

// catchUp applies the changelog from an offset to an end, which is not the last stable
// one but the last: a transaction that is being ended is waited for.
func (k *Keeper) catchUp(ctx context.Context, r *replica, next, end int64) error {
	client, err := k.reader(map[int32]kgo.Offset{r.task: kgo.NewOffset().At(next)})
	if err != nil {
		return err
	}
	defer client.Close()
	began, was := k.cfg.Now(), r.state.Position().At
	to := r.state.Restore()
	for next < end && err == nil {
		r.next.Store(next)
		var records []*kgo.Record
		if records, err = poll(ctx, client); err != nil {
			break
		}
		if len(records) > 0 {
			next = records[len(records)-1].Offset + 1
			err = to.Add(changes(records), next, k.cfg.Now())
			continue
		}
		// Compaction may leave offsets at which there is nothing at the end of a log: no
		// client says so, and they would be waited for.
		var empty bool
		if empty, err = k.changelog(r.task).Empty(ctx, next, end); empty && err == nil {
			next, err = end, to.Add(nil, end, k.cfg.Now())
		}
	}
	at := k.cfg.Now()
	switch { // what was not read to the end is no newer than what it was begun with
	case err != nil && was.IsZero():
		at = began
	case err != nil:
		at = time.Time{}
	}
	return errors.Join(err, to.Finish(at))
}

// changelog is that of a task: markers are among what its readers are given.
func (k *Keeper) changelog(task int32) gap.Partition {
	return gap.Partition{Client: k.client, Topic: k.cfg.Topic, Number: task, Markers: true}
}

// poll waits for records a while.
func poll(ctx context.Context, client *kgo.Client) (records []*kgo.Record, err error) {
	short, cancel := context.WithTimeout(ctx, pace)
	defer cancel()
	fetches := client.PollFetches(short)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	fetches.EachPartition(func(p kgo.FetchTopicPartition) {
		if !errors.Is(p.Err, context.DeadlineExceeded) {
			err = errors.Join(err, p.Err)
		}
		records = append(records, p.Records...)
	})
	return records, err
}
