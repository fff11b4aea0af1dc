package txn

import (
	"errors"
	"time"

	"github.com/evidentlog/evident/internal/broker/txn/transaction"
	"github.com/evidentlog/evident/internal/log/batch"
)

// mark appends markers to the partitions that have none yet, and completes the
// transaction when all are durable. The entry's value is prepared.
func (c *Coordinator) mark(e *entry) {
	e.mu.Lock()
	v := e.value.Load()
	to := e.mu.unmarked.Sorted()
	e.mu.marking, e.mu.stuck = len(to), false
	e.mu.Unlock()
	if len(to) == 0 {
		c.complete(e)
		return
	}
	m := batch.Marker{
		ProducerID: v.Producer.ID, ProducerEpoch: v.Producer.Epoch,
		CoordinatorEpoch: coordinatorEpoch, Commit: v.State == transaction.PrepareCommit,
	}
	for _, p := range to {
		c.cfg.Log.AppendMarker(p, m, func(err error) { c.marked(e, p, err) })
	}
}

// coordinatorEpoch is the leader epoch of __transaction_state, as in Kafka. A
// single node's partitions never change leaders.
const coordinatorEpoch = 0

// marked notes what became of one marker. It does not wait.
func (c *Coordinator) marked(e *entry, p transaction.Partition, err error) {
	err = c.tolerate(e, p, err)
	e.mu.Lock()
	if err == nil {
		delete(e.mu.unmarked, p)
	}
	e.mu.marking--
	last, all := e.mu.marking == 0, len(e.mu.unmarked) == 0
	e.mu.stuck = last && !all
	e.mu.Unlock()
	if last && all {
		c.cfg.Go(func() { c.complete(e) }) // if the broker closes, the next start does it
	}
}

// tolerate returns the errors of which it makes sense to try again.
func (c *Coordinator) tolerate(e *entry, p transaction.Partition, err error) error {
	switch {
	case err == nil, errors.Is(err, ErrGone):
		return nil
	case errors.Is(err, ErrFenced):
		c.cfg.Logger.Error("a transaction's marker comes too late; the partition has heard from the producer's successor",
			"transactional_id", e.id, "topic", p.Topic, "partition", p.Number, "error", err)
		return nil
	}
	c.cfg.Logger.Warn("a transaction's marker could not be written; trying again",
		"transactional_id", e.id, "topic", p.Topic, "partition", p.Number, "error", err)
	return err
}

// complete ends a transaction whose markers are all written. Nobody waits for the
// disk: until a later value is durable, a restart that finds the prepared one writes
// the markers once more, to partitions that have no record of a later transaction
// yet, and comes to the same end.
func (c *Coordinator) complete(e *entry) {
	e.mu.Lock()
	v := e.value.Load().Complete(time.Now().UnixMilli())
	e.mu.storing = v // what is stored next comes behind it
	e.mu.Unlock()
	c.write(e, recordValue(v), func(err error) {
		if err != nil {
			c.logFailure(e, err)
		}
	})
	c.stored(e)
}
