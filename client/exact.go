package client

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// transactionTime is after how long brokers abort a transaction that nobody ends. One is
// begun only when all that belongs to it is there.
const transactionTime = 15 * time.Second

// An exact is one stay in the group, exactly once: batch after batch, each in a
// transaction. A rebalance in between aborts it, and what it had is handled again by
// whoever has it then.
type exact struct {
	c       *Consumer
	kafka   *kgo.GroupTransactSession
	out     *writer
	crew    *crew
	base    context.Context
	fail    context.CancelCauseFunc // ends the session
	ready   chan struct{}           // closed when callbacks may begin
	refused map[place]refusal       // what a transaction failed on; owned by run

	mu struct {
		sync.Mutex
		batch *batch
	}
}

// A refusal is a record whose outputs the log refuses.
type refusal struct {
	offset int64
	err    error
}

// exactlyOnce is a session from joining the group to leaving it.
func (c *Consumer) exactlyOnce(ctx context.Context) error {
	id, err := c.client.stamper.NewID()
	if err != nil {
		return err
	}
	s := &exact{c: c, base: context.WithoutCancel(ctx), ready: make(chan struct{}), refused: make(map[place]refusal)}
	ctx, s.fail = context.WithCancelCause(ctx)
	defer s.fail(nil)
	// Zombies are fenced by the group's generation (KIP-447), so each session may have
	// an id of its own.
	opts := append(append([]kgo.Opt{}, c.client.cfg.kafka...), c.groupOptions(
		placer(c.client.kafka), kgo.TransactionalID(c.group+"-"+id), kgo.TransactionTimeout(transactionTime),
		kgo.OnPartitionsAssigned(s.took), kgo.OnPartitionsRevoked(s.gone), kgo.OnPartitionsLost(s.gone),
	)...)
	if s.kafka, err = kgo.NewGroupTransactSession(opts...); err != nil {
		return fmt.Errorf("options of the Kafka client: %w", err)
	}
	s.out, s.crew = &writer{kafka: s.kafka.Client()}, newCrew(c, s)
	close(s.ready)
	err = s.run(ctx)
	s.kafka.Close()
	s.crew.close()
	return err
}

// took lets nothing come while a batch is rewound.
func (s *exact) took(context.Context, *kgo.Client, map[string][]int32) {
	<-s.ready
	s.mu.Lock()
	defer s.mu.Unlock()
}

// gone ends the batch, whose transaction is going to be aborted.
func (s *exact) gone(_ context.Context, _ *kgo.Client, lost map[string][]int32) {
	<-s.ready
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.batch != nil && len(lost) > 0 {
		s.mu.batch.cancel(errGiven)
	}
}

// run handles batches until ctx ends.
func (s *exact) run(ctx context.Context) error {
	for {
		fetches := s.kafka.PollRecords(ctx, s.c.buffer)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := s.c.faults(ctx, fetches); err != nil {
			return err
		}
		if fetches.NumRecords() == 0 {
			continue
		}
		b := s.newBatch(fetches)
		s.begin(b)
		whole := s.handle(ctx, b)
		if err := s.commit(ctx, b, whole); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}

// begin makes a batch the one that a rebalance ends. After one that came before, the
// transaction fails, too.
func (s *exact) begin(b *batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.batch = b
}

// handle has a batch handled, and tells whether all of it was. When ctx ends, handlers
// have some time to do it.
func (s *exact) handle(ctx context.Context, b *batch) bool {
	for _, p := range b.parts {
		s.crew.board.add(p, b.records[p])
	}
	select {
	case <-b.done:
		return true
	case <-b.ctx.Done():
	case <-ctx.Done():
		grace := time.NewTimer(s.c.grace)
		defer grace.Stop()
		select {
		case <-b.done:
			return true
		case <-b.ctx.Done():
		case <-grace.C:
		}
	}
	b.cancel(errGiven)
	for _, p := range b.parts {
		s.crew.board.give(p)
	}
	drain(b.parts, lateness)
	return false
}

func (s *exact) stop(err error) { s.fail(err) }

// succeeded notes what a task emitted.
func (s *exact) succeeded(t *task, repeated bool) {
	b := t.part.batch
	if repeated {
		b.repeated.Add(1)
	} else {
		b.handled.Add(1)
	}
	s.finish(t)
}

// failed makes what is to be written a dead letter.
func (s *exact) failed(t *task, err error) {
	if s.c.noLetters {
		s.crew.board.release(t.part)
		s.stop(&HandleError{Position{t.record.Topic, t.record.Partition, t.record.Offset}, t.tries, err})
		return
	}
	t.dead = true
	t.part.batch.letters.Add(1)
	t.emits = []*kgo.Record{s.c.letter(t, err, errors.Is(err, errLarge))}
	s.finish(t)
}

func (s *exact) finish(t *task) {
	s.crew.board.finish(t)
	t.part.batch.finish()
}
