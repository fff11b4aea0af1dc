package process

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/process/group"
)

const (
	// fetchBytes is how much a fetch asks a broker for, and of one partition.
	fetchBytes, fetchPartitionBytes = 4 << 20, 1 << 20
	// fetchWait is how long a broker keeps a fetch for which there is nothing. Partitions
	// that are added, or fetched again, wait for the one that is under way.
	fetchWait = 250 * time.Millisecond
)

// join makes the member's side of the group.
func (r *Run) join() *group.Group {
	return group.New(group.Config{
		Processor: r.p.Name, Version: r.p.Version, Inputs: r.p.Inputs, Standbys: r.p.Standbys,
		Instance: r.cfg.Instance, Address: r.cfg.Address, Workers: r.cfg.Workers,
		Copies: func() map[int32]int64 {
			if k := r.keeper(); k != nil {
				return k.Positions()
			}
			return nil
		},
		Prober: r.cfg.Prober, Logger: r.log, Now: r.cfg.Now,
	})
}

// options make the client that reads the inputs, as a member of the group.
func (r *Run) options(g *group.Group) []kgo.Opt {
	return append(g.Options(group.Callbacks{
		Assigned: func(_ context.Context, tasks []int32) { r.assigned(tasks) },
		Revoked:  func(_ context.Context, tasks []int32) { r.givenUp(tasks, revoked) },
		Lost:     func(_ context.Context, tasks []int32) { r.givenUp(tasks, lost) },
	}),
		kgo.BlockRebalanceOnPoll(), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.FetchMaxBytes(fetchBytes), kgo.FetchMaxPartitionBytes(fetchPartitionBytes), kgo.FetchMaxWait(fetchWait),
		// What is asked for has been made sure of. If it is gone all the same, the membership
		// ends, and the next one makes sure of it again.
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()), kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.AdjustFetchOffsetsFn(r.positions),
	)
}

// assigned makes tasks, which begin when their positions are known; none if the version is
// not to run any more. What they commit is bound to the membership that there is now, and
// refused when the group has gone on without it.
func (r *Run) assigned(tasks []int32) {
	<-r.joined
	if err := r.admit(r.hard); err != nil {
		r.fail(err)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, partition := range tasks {
		if r.mu.tasks[partition] == nil {
			r.mu.tasks[partition] = r.newTask(partition)
		}
	}
}

func (r *Run) newTask(partition int32) *task {
	t := &task{
		id: Task{Processor: r.p.Name, Version: r.p.Version, Partition: partition, Partitions: r.partitions}, run: r,
		log: r.log.With("task", partition), released: make(chan struct{}),
	}
	t.member, _ = r.client.GroupMetadata()
	t.ctx, t.cancel = context.WithCancel(r.hard)
	for _, topic := range r.p.Inputs {
		in := &input{topic: topic}
		in.shown.Store(-1)
		t.inputs = append(t.inputs, in)
	}
	return t
}

// givenUp gives tasks up, and returns when nothing more is done for them.
func (r *Run) givenUp(tasks []int32, how leaving) {
	var all []*task
	r.mu.Lock()
	for _, partition := range tasks {
		if t := r.mu.tasks[partition]; t != nil {
			delete(r.mu.tasks, partition)
			all = append(all, t)
		}
	}
	r.mu.Unlock()
	timer := time.AfterFunc(grace, func() {
		for _, t := range all {
			t.cancel()
		}
	})
	defer timer.Stop()
	for _, t := range all {
		t.leave(how)
	}
	for _, t := range all {
		<-t.released
	}
}
