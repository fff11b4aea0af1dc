package txn

import (
	"context"
	"fmt"
	"maps"

	"github.com/evidentlog/evident/internal/broker/statetopic"
	"github.com/evidentlog/evident/internal/broker/txn/transaction"
	"github.com/evidentlog/evident/internal/log/batch"
)

func (c *Coordinator) loadFailed(err error) {
	c.cfg.Logger.Error("transactions cannot be loaded; trying again", "error", err)
}

// loadAll reads all partitions, and ends what then is known to be nobody's.
func (c *Coordinator) loadAll(ctx context.Context) error {
	if err := c.topic.Load(ctx, c.load, c.loadFailed); err != nil {
		return err
	}
	return c.endUnclaimed(ctx)
}

// load reads one partition and goes on with what was under way.
func (c *Coordinator) load(ctx context.Context, partition int32) error {
	values := map[string]*transaction.Value{}
	err := c.cfg.Store.Read(ctx, partition, func(raw []byte) error {
		return statetopic.EachBatch(raw, func(b batch.Batch) error {
			return statetopic.EachRecord(&c.codecs, b, func(r batch.Record) error { return apply(values, r) })
		})
	})
	if err != nil {
		return fmt.Errorf("__transaction_state-%d: %w", partition, err)
	}
	changed, err := c.resume(ctx, values)
	if err != nil {
		return fmt.Errorf("__transaction_state-%d: %w", partition, err)
	}
	c.install(values, changed)
	return nil
}

func apply(values map[string]*transaction.Value, r batch.Record) error {
	id, ok, err := readKey(r.Key)
	if !ok || err != nil {
		return err
	}
	if r.Value == nil {
		delete(values, id)
		return nil
	}
	v, err := readValue(r.Value)
	if err != nil {
		return fmt.Errorf("transactional id %q: %w", id, err)
	}
	values[id] = v
	return nil
}

// install makes entries of what has been read; those that were changed are not
// stored as they are. No request can have made one of them before.
func (c *Coordinator) install(values map[string]*transaction.Value, changed map[string]struct{}) {
	var prepared []*entry
	c.mu.Lock()
	for id, v := range values {
		e := c.newEntry(id, v)
		c.mu.entries[id] = e
		_, e.mu.unstored = changed[id]
		if v.State.Prepared() {
			e.mu.unmarked = maps.Clone(v.Partitions)
			prepared = append(prepared, e)
		}
		c.track(e, v.State.Prepared() || v.State == transaction.Ongoing)
	}
	c.mu.Unlock()
	for _, e := range prepared {
		c.cfg.Go(func() { c.mark(e) })
	}
}
