package group

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/group/classic"
	"github.com/evidentlog/evident/internal/broker/group/consumer"
	"github.com/evidentlog/evident/internal/broker/group/share"
	"github.com/evidentlog/evident/internal/log/batch"
)

func (c *Coordinator) loadFailed(err error) {
	c.cfg.Logger.Error("consumer groups cannot be loaded; trying again", "error", err)
}

// loadPartition makes groups of what one partition says.
func (c *Coordinator) loadPartition(ctx context.Context, partition int32) error {
	r := newReplay()
	err := c.cfg.Store.Read(ctx, partition, func(batches []byte) error {
		return readBatches(&c.codecs, batches, r)
	})
	if err != nil {
		return fmt.Errorf("__consumer_offsets-%d: %w", partition, err)
	}
	for _, e := range c.install(r) {
		c.dropStale(e) // of topics that were deleted without their offsets before a crash
	}
	return nil
}

// install makes groups of what has been read. No request can have made one of
// them before.
func (c *Coordinator) install(r *replay) []*entry {
	var entries []*entry
	for id := range r.ids() {
		e := c.newEntry(id)
		e.offsets, e.pending, e.order = r.offsets[id], r.pending[id], r.last
		for producerID := range e.pending {
			c.open.add(openTransaction{e.partition, producerID}, e)
		}
		if im := r.shares[id]; im != nil {
			c.restoreShare(e, im)
		} else {
			c.restore(e, r.metadata[id], r.consumers[id])
		}
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
		e.group = classic.Restore(c.classicFor(e.id), now, v)
	default:
		return // only offsets
	}
	e.stored = true
}

func (c *Coordinator) restoreShare(e *entry, im *share.Image) {
	e.group = share.Restore(&c.share, e.id, c.shareEnv(e.id, time.Now(), c.cfg.Topics.Image()), im)
	e.stored = true
}

// replay is what the records read so far leave behind.
type replay struct {
	offsets   map[string]offsetTable
	pending   map[string]pendingOffsets // of groups that have any
	last      int64                     // offset of the last commit
	metadata  map[string]*kmsg.GroupMetadataValue
	consumers map[string]*consumer.Image
	shares    map[string]*share.Image
}

func newReplay() *replay {
	return &replay{map[string]offsetTable{}, map[string]pendingOffsets{}, 0, map[string]*kmsg.GroupMetadataValue{}, map[string]*consumer.Image{}, map[string]*share.Image{}}
}

func (r *replay) ids() map[string]struct{} {
	ids := make(map[string]struct{}, len(r.metadata))
	for id := range r.metadata {
		ids[id] = struct{}{}
	}
	for id := range r.consumers {
		ids[id] = struct{}{}
	}
	for id := range r.pending {
		ids[id] = struct{}{}
	}
	for id := range r.shares {
		ids[id] = struct{}{}
	}
	for id, offsets := range r.offsets {
		if len(offsets) > 0 {
			ids[id] = struct{}{}
		}
	}
	return ids
}

func (r *replay) offset(group string, tp topicPartition, v *kmsg.OffsetCommitValue, at place) {
	offsets := r.offsets[group]
	if v == nil {
		offsets.remove(tp)
		return
	}
	c := committedFrom(v)
	c.order, r.last = at.offset, at.offset
	if at.producerID != batch.NoProducerID {
		pending := r.pending[group]
		pending.set(at.producerID, tp, c)
		r.pending[group] = pending
		return
	}
	offsets.set(tp, c)
	r.offsets[group] = offsets
}

// ended applies the end of a transaction.
func (r *replay) ended(m batch.Marker) {
	for group, pending := range r.pending {
		offsets := r.offsets[group]
		pending.end(m, &offsets)
		r.offsets[group] = offsets
		if len(pending) == 0 {
			delete(r.pending, group)
		}
	}
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

func (r *replay) share(group string, key, value []byte) error {
	im := r.shares[group]
	if im == nil {
		im = &share.Image{}
		r.shares[group] = im
	}
	err := im.Apply(key, value)
	if im.Empty() {
		delete(r.shares, group)
	}
	return err
}
