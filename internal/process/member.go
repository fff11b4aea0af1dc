package process

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// fetchBytes is how much a fetch asks a broker for, and of one partition.
	fetchBytes, fetchPartitionBytes = 8 << 20, 1 << 20
)

// options make the client that reads the inputs, as a member of the group.
func (r *Run) options() []kgo.Opt {
	return []kgo.Opt{
		kgo.ConsumerGroup(r.p.groupName()), kgo.ConsumeTopics(r.p.Inputs...), kgo.DisableAutoCommit(),
		kgo.Balancers(kgo.CooperativeStickyBalancer()), kgo.BlockRebalanceOnPoll(),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.FetchMaxBytes(fetchBytes), kgo.FetchMaxPartitionBytes(fetchPartitionBytes),
		// What is asked for has been made sure of; if it is gone all the same, the rest counts.
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.OnPartitionsAssigned(func(ctx context.Context, _ *kgo.Client, got map[string][]int32) { r.assigned(got) }),
		kgo.OnPartitionsRevoked(func(ctx context.Context, _ *kgo.Client, gone map[string][]int32) { r.givenUp(gone, revoked) }),
		kgo.OnPartitionsLost(func(ctx context.Context, _ *kgo.Client, gone map[string][]int32) { r.givenUp(gone, lost) }),
		kgo.AdjustFetchOffsetsFn(r.positions),
	}
}

// assigned makes tasks of partitions. They begin when their positions are known.
func (r *Run) assigned(got map[string][]int32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, topic := range r.p.Inputs {
		for _, partition := range got[topic] {
			t := r.mu.tasks[partition]
			if t == nil {
				t = r.newTask(partition)
				r.mu.tasks[partition] = t
			}
			in := &input{topic: topic}
			in.shown.Store(-1)
			t.inputs = append(t.inputs, in)
		}
	}
}

func (r *Run) newTask(partition int32) *task {
	t := &task{
		id: Task{Processor: r.p.Name, Version: r.p.Version, Partition: partition}, run: r,
		log: r.log.With("task", partition), released: make(chan struct{}),
	}
	t.ctx, t.cancel = context.WithCancel(r.hard)
	return t
}

// givenUp gives tasks up, and returns when nothing more is done for them.
func (r *Run) givenUp(gone map[string][]int32, how leaving) {
	var all []*task
	r.mu.Lock()
	for _, partitions := range gone {
		for _, p := range partitions {
			if t := r.mu.tasks[p]; t != nil {
				delete(r.mu.tasks, p)
				all = append(all, t)
			}
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
