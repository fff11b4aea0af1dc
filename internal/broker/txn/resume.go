package txn

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/evidentlog/evident/internal/broker/txn/transaction"
	"github.com/evidentlog/evident/internal/log/batch"
)

// openTransactions are those that the partitions held open at the start. They are
// guarded by the coordinator's lock.
type openTransactions struct {
	of      map[int64][]transaction.Open // by producer id
	claimed map[int64]struct{}           // producer ids that a stored value has
}

func newOpenTransactions(all []transaction.Open) openTransactions {
	o := openTransactions{of: map[int64][]transaction.Open{}, claimed: map[int64]struct{}{}}
	for _, t := range all {
		o.of[t.By.ID] = append(o.of[t.By.ID], t)
	}
	return o
}

// claim lists the open transactions of the producer ids that v claims.
func (o *openTransactions) claim(v *transaction.Value) []transaction.Open {
	if len(o.of) == 0 {
		return nil
	}
	var all []transaction.Open
	for _, id := range v.Claims() {
		o.claimed[id] = struct{}{}
		all = append(all, o.of[id]...)
	}
	return all
}

// resume takes up what partitions hold open of the transactions that values tell
// of, and ends what nobody else will, before any of them is served. It returns the
// values that are not what is stored.
func (c *Coordinator) resume(ctx context.Context, values map[string]*transaction.Value) (changed map[string]struct{}, err error) {
	changed = map[string]struct{}{}
	var endings []transaction.Ending
	c.mu.Lock()
	for id, v := range values {
		next, first := v.Resume(time.Now().UnixMilli(), c.mu.open.claim(v))
		if next != v {
			values[id], changed[id] = next, struct{}{}
		}
		endings = append(endings, first...)
	}
	c.mu.Unlock()
	_, err = c.endAll(ctx, endings)
	return changed, err
}

// endUnclaimed aborts the transactions of producer ids that nobody has any more. It
// tries until ctx ends.
func (c *Coordinator) endUnclaimed(ctx context.Context) error {
	var endings []transaction.Ending
	c.mu.RLock()
	for id, all := range c.mu.open.of {
		if _, claimed := c.mu.open.claimed[id]; claimed {
			continue
		}
		for _, o := range all {
			endings = append(endings, o.Unclaimed())
		}
	}
	c.mu.RUnlock()
	for {
		left, err := c.endAll(ctx, endings)
		if err == nil {
			break
		}
		endings = left
		c.cfg.Logger.Warn("transactions that no producer has any more cannot be ended; trying again", "error", err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(c.cfg.CheckInterval):
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.open = openTransactions{} // nobody asks any more
	return nil
}

// endAll returns when each marker is durable or cannot be written, with those that
// cannot and why one cannot.
func (c *Coordinator) endAll(ctx context.Context, endings []transaction.Ending) (left []transaction.Ending, err error) {
	errs := make([]error, len(endings))
	var g sync.WaitGroup
	for i, e := range endings {
		g.Go(func() { errs[i] = c.endNow(ctx, e) })
	}
	g.Wait()
	for i, e := range endings {
		if errs[i] != nil {
			left, err = append(left, e), errs[i]
		}
	}
	return left, err
}

func (c *Coordinator) endNow(ctx context.Context, e transaction.Ending) error {
	c.cfg.Logger.Warn("ending a transaction that a partition holds open and that nobody else will end",
		"topic", e.In.Topic, "partition", e.In.Number, "producer_id", e.By.ID, "commit", e.Commit)
	m := batch.Marker{ProducerID: e.By.ID, ProducerEpoch: e.By.Epoch, CoordinatorEpoch: coordinatorEpoch, Commit: e.Commit}
	done := make(chan error, 1)
	c.cfg.Log.AppendMarker(e.In, m, func(err error) { done <- err })
	select {
	case err := <-done:
		if err == nil || errors.Is(err, ErrGone) {
			return nil
		}
		return fmt.Errorf("end the transaction of producer %d in %s-%d: %w", e.By.ID, e.In.Topic, e.In.Number, err)
	case <-ctx.Done():
		return ctx.Err()
	}
}
