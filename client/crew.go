package client

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

// An outcome takes what became of a task, which a worker still has.
type outcome interface {
	// succeeded is told of an event that was handled, or was before.
	succeeded(t *task, repeated bool)
	// failed is told of a record that is given up.
	failed(t *task, err error)
	// stop ends the session with an error.
	stop(err error)
}

// A crew is the workers of a session: so many goroutines that call the handler.
type crew struct {
	c     *Consumer
	board *board
	out   outcome

	workers sync.WaitGroup // but those that were left behind
	left    atomic.Int64   // in this session
}

func newCrew(c *Consumer, out outcome) *crew {
	w := &crew{c: c, board: newBoard(), out: out}
	for range c.concurrency {
		w.hire()
	}
	return w
}

// close ends the workers and waits for those that are not stuck in a handler.
func (w *crew) close() {
	w.board.close()
	w.workers.Wait()
}

// hire starts a worker.
func (w *crew) hire() {
	w.workers.Add(1)
	go w.work()
}

// work handles tasks, until the board is closed or a call has outlived its deadline, as
// another worker has taken this one's place then.
func (w *crew) work() {
	watch := newTimekeeper()
	defer watch.timer.Stop()
	for t := w.board.take(); t != nil; t = w.board.take() {
		if !w.attempt(t, watch) {
			w.back()
			return
		}
	}
	w.workers.Done()
}

// back says that a handler that was left behind has returned.
func (w *crew) back() {
	w.c.counts.left.Add(-1)
	w.left.Add(-1)
}

// attempt tries a task once, and tells whether the worker still counts.
func (w *crew) attempt(t *task, watch *timekeeper) bool {
	c := &call{crew: w, task: t}
	if err := c.message.read(w.c, t.record); err != nil {
		w.giveUp(t, fmt.Errorf("not readable as an event: %w", err))
		return true
	}
	t.of = identity{c.message.Source, c.message.ID}
	if refusal := t.part.refusal; refusal.err != nil && refusal.offset == t.record.Offset {
		w.giveUp(t, refusal.err)
		return true
	}
	if w.c.seen != nil {
		seen, err := w.c.seen.Seen(t.part.ctx, t.of.source, t.of.id)
		if err != nil {
			w.warn(t, "an event waits: the memory of handled events", err)
			w.board.park(t, w.c.policy.pause(1))
			return true
		}
		if seen {
			w.out.succeeded(t, true)
			w.board.next(t.lane)
			return true
		}
	}
	return c.make(watch)
}

// settle decides what an attempt comes to.
func (w *crew) settle(t *task, err error) {
	repeated := errors.Is(err, ErrRepeated)
	switch {
	case err == nil || repeated:
		w.out.succeeded(t, repeated)
		w.board.next(t.lane)
	case t.part.ctx.Err() != nil: // given away: whoever has it now handles it
		w.board.release(t.part)
		w.board.next(t.lane)
	case IsPermanent(err) || t.tries >= w.c.policy.Attempts:
		w.c.counts.failed.Add(1)
		w.giveUp(t, err)
	default:
		w.c.counts.failed.Add(1)
		w.warn(t, "a handler failed", err)
		w.board.park(t, w.c.policy.pause(t.tries))
	}
}

// giveUp ends the attempts at a record.
func (w *crew) giveUp(t *task, err error) {
	w.warn(t, "a record is given up", err)
	w.out.failed(t, err)
	w.board.next(t.lane)
}

func (w *crew) warn(t *task, what string, err error) {
	w.c.client.cfg.logger.WarnContext(t.part.ctx, what, "group", w.c.group,
		"topic", t.record.Topic, "partition", t.record.Partition, "offset", t.record.Offset, "attempts", t.tries, "reason", err)
}
