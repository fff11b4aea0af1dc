package process

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// consume hands what is fetched to the tasks, until ctx ends.
func (r *Run) consume(ctx context.Context) error {
	for ctx.Err() == nil {
		if !r.room.wait(ctx, patience) {
			r.holdBack()
		}
		fetches := r.client.PollFetches(ctx)
		if fetches.IsClientClosed() {
			return errors.New("the client was closed")
		}
		fetches.EachError(func(topic string, partition int32, err error) { r.fetchFailed(ctx, topic, partition, err) })
		fetches.EachPartition(r.deliver)
		r.client.AllowRebalance()
	}
	return nil
}

// patience is how long the consumer waits for room before it holds partitions back
// whose records nobody takes, for the sake of the others.
const patience = 200 * time.Millisecond

func (r *Run) fetchFailed(ctx context.Context, topic string, partition int32, err error) {
	var loss *kgo.ErrDataLoss
	switch {
	case ctx.Err() != nil:
	case errors.Is(err, kerr.OffsetOutOfRange):
		r.fail(fmt.Errorf("partition %d of %q has not the records any more that are to be read next: %w", partition, topic, err))
	case errors.As(err, &loss):
		r.log.Error("an input has lost records", "topic", topic, "partition", partition, "error", err)
	default:
		r.log.Warn("an input cannot be read, and is tried again", "topic", topic, "partition", partition, "error", err)
	}
}

// deliver gives the records of a partition to its task.
func (r *Run) deliver(p kgo.FetchTopicPartition) {
	t := r.find(p.Partition)
	if t == nil {
		return
	}
	in := t.input(p.Topic)
	if in == nil {
		return
	}
	in.end.Store(p.HighWatermark)
	if len(p.Records) == 0 {
		return
	}
	in.arrived(t, p.LogStartOffset, p.Records)
	r.room.take(t.in.put(p.Records))
	if w := t.owner(); w != nil {
		w.call()
	}
}

// arrived sees whether records are gone that should have come.
func (in *input) arrived(t *task, start int64, records []*kgo.Record) {
	first, last := records[0].Offset, records[len(records)-1].Offset
	if in.fetched < start && first > in.fetched {
		gone := min(start, first) - in.fetched
		t.run.metrics.lost.Add(float64(gone))
		t.log.Error("records of an input were removed before they were read: the task goes on with the first there is",
			"topic", in.topic, "from", in.fetched, "to", min(start, first))
	}
	in.fetched = last + 1
}

// holdBack stops fetching the partitions of tasks that have more than their share.
func (r *Run) holdBack() {
	r.mu.Lock()
	defer r.mu.Unlock()
	share := int64(r.cfg.Buffer) / int64(2*max(1, len(r.mu.tasks)))
	for _, t := range r.mu.tasks {
		if t.in.size() > share {
			t.hold(true)
		}
	}
}

// freed is told that a task's records have been done with.
func (r *Run) freed(t *task, bytes int64) {
	r.room.give(bytes)
	if t.held.Load() && t.in.size() < fetchPartitionBytes/2 {
		t.hold(false)
	}
}

// hold has the task's partitions not fetched, or fetched again.
func (t *task) hold(is bool) {
	if t.held.Swap(is) == is {
		return
	}
	partitions := map[string][]int32{}
	for _, in := range t.inputs {
		partitions[in.topic] = []int32{t.id.Partition}
	}
	if is {
		t.run.client.PauseFetchPartitions(partitions)
	} else {
		t.run.client.ResumeFetchPartitions(partitions)
	}
}

// room is how many bytes of records may still be taken in.
type room struct {
	mu    sync.Mutex
	most  int64
	used  int64
	freed chan struct{} // holds one if there may be room again
}

func newRoom(most int64) room { return room{most: most, freed: make(chan struct{}, 1)} }

func (r *room) take(bytes int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.used += bytes
}

func (r *room) give(bytes int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.used -= bytes
	if r.used < r.most {
		select {
		case r.freed <- struct{}{}:
		default:
		}
	}
}

func (r *room) full() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.used >= r.most
}

// wait waits until there is room, and says whether there is.
func (r *room) wait(ctx context.Context, most time.Duration) bool {
	if !r.full() {
		return true
	}
	timer := time.NewTimer(most)
	defer timer.Stop()
	for r.full() {
		select {
		case <-r.freed:
		case <-timer.C:
			return false
		case <-ctx.Done():
			return true
		}
	}
	return true
}
