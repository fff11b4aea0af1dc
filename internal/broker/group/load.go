package group

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/group/classic"
	"github.com/evidentlog/evident/internal/broker/group/consumer"
)

// A partition that cannot be read is tried again after a while that doubles.
const (
	firstLoadRetry = time.Second
	lastLoadRetry  = 30 * time.Second
)

// load reads partitions. Those that cannot be read are tried again until
// ctx ends; meanwhile their groups are answered COORDINATOR_LOAD_IN_PROGRESS.
func (c *Coordinator) load(ctx context.Context, todo []int32) error {
	for wait := firstLoadRetry; ; wait = min(2*wait, lastLoadRetry) {
		todo = c.loadEach(ctx, todo)
		if len(todo) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// loadEach reads partitions and returns those that could not be read.
func (c *Coordinator) loadEach(ctx context.Context, partitions []int32) []int32 {
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	var mu sync.Mutex
	var failed []int32
	for _, p := range partitions {
		g.Go(func() error {
			if err := c.loadPartition(ctx, p); err != nil {
				if ctx.Err() == nil {
					c.cfg.Logger.Error("consumer groups cannot be loaded; trying again", "error", err)
				}
				mu.Lock()
				defer mu.Unlock()
				failed = append(failed, p)
			}
			return nil
		})
	}
	g.Wait()
	return failed
}

func (c *Coordinator) loadPartition(ctx context.Context, partition int32) error {
	r := newReplay()
	err := c.cfg.Store.Read(ctx, partition, func(batches []byte) error {
		return readBatches(&c.codecs, batches, r)
	})
	if err != nil {
		return fmt.Errorf("__consumer_offsets-%d: %w", partition, err)
	}
	entries := c.install(r)
	c.topic.loaded(partition)
	// A topic may have been deleted, without its offsets, before a crash.
	for _, e := range entries {
		c.dropStale(e)
	}
	return nil
}

// install makes groups of what has been read. No request can have made one of
// them before.
func (c *Coordinator) install(r *replay) []*entry {
	var entries []*entry
	for id := range r.ids() {
		e := c.newEntry(id)
		e.offsets = r.offsets[id]
		c.restore(e, r.metadata[id], r.consumers[id])
		entries = append(entries, e)
	}
	c.mu.Lock()
	for _, e := range entries {
		c.mu.entries[e.id] = e
	}
	c.mu.Unlock()
	for _, e := range entries {
		c.step(e, func(time.Time) {}) // sets its timer
	}
	return entries
}

// restore gives e the group that the log holds. If that is in the midst of a
// migration that a crash has cut short, the classic group counts, unless the
// consumer group has all that a group must have.
func (c *Coordinator) restore(e *entry, v *kmsg.GroupMetadataValue, im *consumer.Image) {
	now := time.Now()
	switch {
	case im != nil && (v == nil || im.Whole()):
		e.group = consumer.Restore(&c.consumer, e.id, c.env(e.id, now), im)
	case v != nil:
		e.group = classic.Restore(&c.classic, now, v)
	default:
		return // only offsets
	}
	e.stored = true
}

// replay is what the records read so far leave behind.
type replay struct {
	offsets   map[string]offsetTable
	metadata  map[string]*kmsg.GroupMetadataValue
	consumers map[string]*consumer.Image
}

func newReplay() *replay {
	return &replay{map[string]offsetTable{}, map[string]*kmsg.GroupMetadataValue{}, map[string]*consumer.Image{}}
}

func (r *replay) ids() map[string]struct{} {
	ids := make(map[string]struct{}, len(r.metadata))
	for id := range r.metadata {
		ids[id] = struct{}{}
	}
	for id := range r.consumers {
		ids[id] = struct{}{}
	}
	for id, offsets := range r.offsets {
		if len(offsets) > 0 {
			ids[id] = struct{}{}
		}
	}
	return ids
}

func (r *replay) offset(group string, tp topicPartition, v *kmsg.OffsetCommitValue) {
	offsets := r.offsets[group]
	if v == nil {
		offsets.remove(tp)
		return
	}
	offsets.set(tp, committedFrom(v))
	r.offsets[group] = offsets
}

func (r *replay) group(id string, v *kmsg.GroupMetadataValue) {
	if v == nil {
		delete(r.metadata, id)
		return
	}
	for i := range v.Members {
		m := &v.Members[i]
		m.Subscription, m.Assignment = bytes.Clone(m.Subscription), bytes.Clone(m.Assignment)
	}
	r.metadata[id] = v
}

func (r *replay) consumer(group string, key, value []byte) error {
	im := r.consumers[group]
	if im == nil {
		im = &consumer.Image{}
		r.consumers[group] = im
	}
	err := im.Apply(key, value)
	if im.Empty() {
		delete(r.consumers, group)
	}
	return err
}
