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
	c.install(values)
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

// install makes entries of what has been read. No request can have made one of
// them before.
func (c *Coordinator) install(values map[string]*transaction.Value) {
	var prepared []*entry
	c.mu.Lock()
	for id, v := range values {
		e := c.newEntry(id, v)
		c.mu.entries[id] = e
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
