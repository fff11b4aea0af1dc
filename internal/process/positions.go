package process

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// ErrCutBack is wrapped by why a version stands still whose input ends before what was
// handled of it: its last records are gone, for example since a broker that had not all of
// them was elected to lead. To begin at its start would count twice what is left of it.
var ErrCutBack = errors.New("an input was cut back")

// positions makes sure of where the inputs of new tasks are begun: where the group's
// offset is, if there is one and it is still there, or where the processor says. It is
// told what is committed, and tells where to read; then the tasks begin.
func (r *Run) positions(ctx context.Context, committed map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
	adm := kadm.NewClient(r.asker)
	starts, err := adm.ListStartOffsets(ctx, r.p.Inputs...)
	if err != nil {
		return nil, fmt.Errorf("where the inputs begin: %w", err)
	}
	ends, err := adm.ListCommittedOffsets(ctx, r.p.Inputs...)
	if err != nil {
		return nil, fmt.Errorf("where the inputs end: %w", err)
	}
	var since kadm.ListedOffsets
	if !r.p.From.Time.IsZero() {
		if since, err = adm.ListOffsetsAfterMilli(ctx, r.p.From.Time.UnixMilli(), r.p.Inputs...); err != nil {
			return nil, fmt.Errorf("where the inputs are at %v: %w", r.p.From.Time, err)
		}
	}
	for topic, partitions := range committed {
		for partition, at := range partitions {
			start, ok1 := starts.Lookup(topic, partition)
			end, ok2 := ends.Lookup(topic, partition)
			if err := errors.Join(start.Err, end.Err); err != nil || !ok1 || !ok2 {
				return nil, fmt.Errorf("where partition %d of %q begins and ends is not known: %w", partition, topic, err)
			}
			next := at.EpochOffset().Offset
			if next > end.Offset {
				err := r.lost(fmt.Errorf("%w: partition %d of %q ends at offset %d, and %d have been handled: its last records were lost, or it was made anew", ErrCutBack, partition, topic, end.Offset, next))
				r.fail(err)
				return nil, err
			}
			if next < 0 {
				if err := r.forgotten(topic, partition); err != nil {
					r.fail(err)
					return nil, err
				}
				next = r.first(topic, partition, start.Offset, end.Offset, since)
			}
			partitions[partition] = kgo.NewOffset().At(r.begin(topic, partition, next, start.Offset, end.Offset))
		}
	}
	return committed, nil
}

// first is where a partition is begun without a committed offset.
func (r *Run) first(topic string, partition int32, start, end int64, since kadm.ListedOffsets) int64 {
	at := r.said(topic, partition, start, end, since)
	if most, ok := r.p.From.NotAfter[topic][partition]; ok {
		return min(at, most)
	}
	return at
}

// said is where the processor says that a partition is begun.
func (r *Run) said(topic string, partition int32, start, end int64, since kadm.ListedOffsets) int64 {
	switch {
	case !r.p.From.Time.IsZero():
		if at, ok := since.Lookup(topic, partition); ok && at.Err == nil && at.Offset >= 0 {
			return at.Offset
		}
		return end
	case r.p.From.Latest:
		return end
	}
	return start
}

// begin begins an input of a task at an offset, or where it has to instead.
func (r *Run) begin(topic string, partition int32, next, start, end int64) int64 {
	t := r.find(partition)
	if t == nil {
		return next
	}
	if next < start {
		r.metrics.lost.Add(float64(start - next))
		t.log.Error("records of an input were removed before they were read: the task goes on with the first there is",
			"topic", topic, "from", next, "to", start)
		next = start
	}
	in := t.input(topic)
	in.committed, in.next, in.fetched = next, next, next
	in.shown.Store(next)
	in.end.Store(end)
	t.known()
	return next
}

// known is told that the position of one more input is known: after the last of them the
// task begins.
func (t *task) known() {
	for _, in := range t.inputs {
		if in.shown.Load() < 0 {
			return
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.mu.leaving == staying && !t.mu.preparing {
		t.mu.preparing = true
		t.run.preparing.Go(t.prepare)
	}
}
