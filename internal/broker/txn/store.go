package txn

import (
	"errors"
	"maps"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/evidentlog/evident/internal/broker/statetopic"
	"github.com/evidentlog/evident/internal/broker/txn/transaction"
	"github.com/evidentlog/evident/internal/log/batch"
)

// store writes the value that the entry is storing.
func (c *Coordinator) store(e *entry, v *transaction.Value) {
	c.write(e, recordValue(v), func(err error) {
		if err != nil {
			c.notStored(e, err)
			return
		}
		c.stored(e)
	})
}

// write appends a record; a nil value is a tombstone.
func (c *Coordinator) write(e *entry, value []byte, done func(error)) {
	b := c.builders.Get().(*batch.Builder)
	defer c.builders.Put(b)
	b.Reset(batch.Head{})
	err := b.Append(batch.Record{Timestamp: time.Now().UnixMilli(), Key: recordKey(e.id), Value: value})
	if err != nil {
		done(err)
		return
	}
	built, err := b.Build()
	if err != nil {
		done(err)
		return
	}
	c.cfg.Store.Append(e.partition, built, done)
}

// stored goes on after a value has become durable, or follows from one that is. It
// does not wait.
func (c *Coordinator) stored(e *entry) {
	v, asked, spawn := c.settle(e)
	later := asked != nil && asked.waits
	if asked != nil && !later {
		asked.reply()
	}
	if !spawn {
		return
	}
	spawned := c.spawn(e, func() {
		if later {
			asked.reply()
		}
		if v.State.Prepared() {
			c.mark(e)
		}
	})
	if !spawned && later {
		asked.refuse(kerr.CoordinatorNotAvailable)
	}
}

// settle makes the value that was being stored the entry's. It returns the
// request that is to be answered, if any, and whether a goroutine is needed for
// what comes next, which then is the one that serves.
func (c *Coordinator) settle(e *entry) (v *transaction.Value, asked *request, spawn bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	v, asked = e.mu.storing, e.mu.asked
	e.mu.storing, e.mu.asked = nil, nil
	e.value.Store(v)
	e.mu.unstored, e.mu.unmarked = false, nil
	if v.State.Prepared() {
		e.mu.unmarked = maps.Clone(v.Partitions)
	}
	c.track(e, v.State.Prepared() || v.State == transaction.Ongoing)
	if asked != nil && asked.step.Again {
		e.mu.waiting = append([]*request{asked}, e.mu.waiting...)
		asked = nil
	}
	if asked != nil {
		asked.settled = asked.stored != nil
	}
	spawn = !e.mu.serving && (v.State.Prepared() || len(e.mu.waiting) > 0 || asked != nil && asked.waits)
	e.mu.serving = e.mu.serving || spawn
	return v, asked, spawn
}

// notStored goes on with the value that was there before.
func (c *Coordinator) notStored(e *entry, err error) {
	c.logFailure(e, err)
	e.mu.Lock()
	asked := e.mu.asked
	e.mu.storing, e.mu.asked = nil, nil
	spawn := !e.mu.serving && len(e.mu.waiting) > 0
	e.mu.serving = e.mu.serving || spawn
	var orphans []*request
	if e.value.Load().Producer.Epoch < 0 { // nothing of it was ever stored
		e.mu.gone, orphans, spawn = true, e.takeWaiting(), false
		c.forget(e)
	}
	e.mu.Unlock()
	if asked != nil {
		asked.refuse(storeError(err))
	}
	refuseAll(orphans, kerr.ConcurrentTransactions)
	if spawn {
		c.spawn(e, func() {})
	}
}

func (c *Coordinator) logFailure(e *entry, err error) {
	c.cfg.Logger.Error("a write to __transaction_state failed",
		"transactional_id", e.id, "partition", e.partition, "error", err)
}

// storeError is what clients are told when a write fails. Except for a record
// that is too large, they are to try again: the partition recovers by itself.
func storeError(err error) *kerr.Error {
	if errors.Is(err, statetopic.ErrTooLarge) {
		return kerr.UnknownServerError
	}
	return kerr.CoordinatorNotAvailable
}
