package client

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// errLarge marks records whose dead letter is too large, too.
var errLarge = errors.New("its dead letter has to do without its content")

// A batch is what one transaction is about.
type batch struct {
	ctx     context.Context // of its handlers
	cancel  context.CancelCauseFunc
	parts   []*part
	records map[*part][]*kgo.Record

	left                       atomic.Int64 // records that are not done
	done                       chan struct{}
	handled, repeated, letters atomic.Int64
}

func (s *exact) newBatch(fetches kgo.Fetches) *batch {
	b := &batch{records: make(map[*part][]*kgo.Record), done: make(chan struct{})}
	b.ctx, b.cancel = context.WithCancelCause(s.base)
	at := make(map[place]*part)
	fetches.EachPartition(func(f kgo.FetchTopicPartition) {
		if len(f.Records) == 0 {
			return
		}
		p := at[place{f.Topic, f.Partition}]
		if p == nil {
			p = s.crew.board.open(b.ctx, f.Topic, f.Partition)
			p.batch, p.refusal = b, s.refused[place{f.Topic, f.Partition}]
			at[place{f.Topic, f.Partition}] = p
			b.parts = append(b.parts, p)
		}
		b.records[p] = append(b.records[p], f.Records...)
		b.left.Add(int64(len(f.Records)))
	})
	return b
}

// finish counts a task that is done.
func (b *batch) finish() {
	if b.left.Add(-1) == 0 {
		close(b.done)
	}
}

// commit ends a batch in a transaction: with its outputs and offsets, if it was handled
// as a whole, and else without. A batch that was not committed is read again. The error
// ends the session. When running has ended, brokers have some time to answer; the next
// session does not depend on what they would have said.
func (s *exact) commit(running context.Context, b *batch, whole bool) error {
	defer b.cancel(nil)
	if err := s.kafka.Begin(); err != nil {
		return s.broken(fmt.Errorf("begin a transaction: %w", err))
	}
	ctx, cancel := context.WithTimeout(s.base, 2*transactionTime)
	defer cancel()
	defer context.AfterFunc(running, func() { sleep(ctx, s.c.grace); cancel() })()
	defer context.AfterFunc(ctx, s.out.kafka.UnsafeAbortBufferedRecords)()
	emitted := 0
	if whole {
		emitted, whole = s.write(ctx, b)
	}
	if ctx.Err() != nil {
		s.c.counts.aborted.Add(1)
		return s.broken(fmt.Errorf("write in a transaction: %w", ctx.Err()))
	}
	committed, err := s.kafka.End(ctx, kgo.TransactionEndTry(whole))
	if err != nil {
		s.c.counts.aborted.Add(1)
		return s.broken(fmt.Errorf("end a transaction: %w", err))
	}
	if !committed {
		s.c.counts.aborted.Add(1)
		s.rewind(b)
		return nil
	}
	for _, p := range b.parts {
		delete(s.refused, place{p.topic, p.number})
	}
	s.c.counts.handled.Add(b.handled.Load())
	s.c.counts.repeated.Add(b.repeated.Load())
	s.c.counts.letters.Add(b.letters.Load())
	s.c.counts.emitted.Add(int64(emitted))
	return nil
}

// broken is an error that a new session may do without, or not.
func (s *exact) broken(err error) error {
	if refused(err) {
		return err
	}
	return &brokenError{err}
}

// rewind has an aborted batch read again from where it began, where the group has no
// offset: the Kafka session goes back to what is committed, and where nothing is, to
// offset 0, wherever the consumer was to begin. While it looks, no partition comes or
// goes.
func (s *exact) rewind(b *batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	committed := s.kafka.Client().CommittedOffsets()
	back := make(map[string]map[int32]kgo.EpochOffset)
	for _, p := range b.parts {
		if committed[p.topic][p.number].Offset > 0 {
			continue
		}
		if back[p.topic] == nil {
			back[p.topic] = make(map[int32]kgo.EpochOffset)
		}
		first := b.records[p][0]
		back[p.topic][p.number] = kgo.EpochOffset{Epoch: first.LeaderEpoch, Offset: first.Offset}
	}
	s.kafka.Client().SetOffsets(back)
}

// write writes what a batch emits, in the order of its records, and tells whether all
// of it is in the transaction. What was refused is remembered, so that its record is
// given up the next time.
func (s *exact) write(ctx context.Context, b *batch) (emitted int, whole bool) {
	var all sync.WaitGroup
	var mu sync.Mutex
	whole = true
	for _, p := range b.parts {
		for _, t := range p.tasks {
			for _, r := range t.emits {
				if !t.dead {
					emitted++
				}
				all.Add(1)
				s.out.write(ctx, r, func(_ Position, err error) {
					defer all.Done()
					if err == nil {
						return
					}
					mu.Lock()
					defer mu.Unlock()
					whole = false
					s.refuse(t, r, err)
				})
			}
		}
	}
	all.Wait()
	return emitted, whole
}

// refuse notes why a record cannot be committed, unless another try may do better. A
// dead letter that is too large is tried without its content, and what is refused
// otherwise ends the session.
func (s *exact) refuse(t *task, r *kgo.Record, err error) {
	large := errors.Is(err, kerr.MessageTooLarge)
	if !large && !errors.Is(err, kerr.InvalidRecord) && !errors.Is(err, kerr.UnknownTopicOrPartition) && !refused(err) {
		return
	}
	err = &ProduceError{Topic: r.Topic, Partition: -1, ID: t.of.id, Err: err}
	switch bare := errors.Is(t.part.refusal.err, errLarge); {
	case t.dead && (!large || bare):
		s.stop(err)
		return
	case t.dead:
		err = fmt.Errorf("%w; %w", err, errLarge)
	}
	s.refused[place{t.record.Topic, t.record.Partition}] = refusal{t.record.Offset, err}
}
