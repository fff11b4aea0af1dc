package share

import (
	"context"
	"fmt"

	"github.com/evidentlog/evident/internal/broker/share/snapshot"
	"github.com/evidentlog/evident/internal/broker/share/window"
	"github.com/evidentlog/evident/internal/broker/statetopic"
	"github.com/evidentlog/evident/internal/log/batch"
)

// load reads a partition of __share_group_state.
func (c *Coordinator) load(ctx context.Context, shard int32) error {
	stored := make(map[snapshot.Key]snapshot.Snapshot)
	err := c.cfg.Store.Read(ctx, shard, func(raw []byte) error {
		return statetopic.EachBatch(raw, func(b batch.Batch) error {
			if b.Attributes().Control() {
				return nil
			}
			return statetopic.EachRecord(&c.codecs, b, func(r batch.Record) error { return apply(stored, r) })
		})
	})
	if err == nil {
		err = c.install(stored)
	}
	if err != nil {
		return fmt.Errorf("__share_group_state-%d: %w", shard, err)
	}
	return nil
}

// apply takes a record in; the last one of a key counts.
func apply(stored map[snapshot.Key]snapshot.Snapshot, r batch.Record) error {
	key, err := snapshot.ReadKey(r.Key)
	if err != nil {
		return err
	}
	if r.Value == nil {
		delete(stored, key)
		return nil
	}
	stored[key], err = snapshot.Read(r.Value)
	return err
}

// install makes share-partitions of what has been read. Those of topics that do
// not exist any more, because a crash came between the deletion of the topic and
// theirs, are deleted.
func (c *Coordinator) install(stored map[snapshot.Key]snapshot.Snapshot) error {
	var all []*partition
	for key, s := range stored {
		w, err := window.Restore(s.Start, s.Batches)
		if err != nil {
			return fmt.Errorf("group %q, partition %d: %w", key.Group, key.Partition, err)
		}
		p := c.newPartition(key, w, s)
		p.mu.begun = true
		all = append(all, p)
	}
	for _, p := range all {
		c.add(p)
		if _, ok := c.cfg.Topics.Topic(p.key.Topic); !ok {
			p.delete()
			continue
		}
		p.mu.Lock()
		p.unlock() // dead letters that a crash has cut short
	}
	return nil
}
