package client

import (
	"errors"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// succeeded writes what a task emitted, and is done with it when that is durable.
func (s *session) succeeded(t *task, repeated bool) {
	switch {
	case s.c.seen != nil:
		durable := make(chan error, 1)
		s.send(t, t.emits, func(err error) { durable <- err })
		err := <-durable
		if err == nil {
			err = s.mark(t)
		}
		s.done(t, repeated, err)
	case len(t.emits) == 0:
		s.done(t, repeated, nil)
	default:
		s.send(t, t.emits, func(err error) { s.done(t, repeated, err) })
	}
}

// done is done with a task, if what it emitted is durable.
func (s *session) done(t *task, repeated bool, err error) {
	if !s.settled(t, err) {
		return
	}
	count := &s.c.counts.handled
	if repeated {
		count = &s.c.counts.repeated
	}
	count.Add(1)
	s.c.counts.emitted.Add(int64(len(t.emits)))
	s.finish(t)
}

// settled tells whether what a task emitted is durable; if not, it sees to the task.
func (s *session) settled(t *task, err error) bool {
	switch {
	case err == nil:
		return true
	case t.part.ctx.Err() != nil || errors.Is(err, kgo.ErrClientClosed):
		s.crew.board.release(t.part)
	default:
		s.c.counts.failed.Add(1)
		s.failed(t, err)
	}
	return false
}

// mark remembers that an event was handled. It is tried until that is done or the
// partition is another's: the effect is there, and nothing else may become of it.
func (s *session) mark(t *task) error {
	for n := 1; ; n++ {
		err := s.c.seen.Mark(t.part.ctx, t.of.source, t.of.id)
		if err == nil || t.part.ctx.Err() != nil {
			return err
		}
		s.crew.warn(t, "an event waits to be marked as handled", err)
		sleep(t.part.ctx, s.c.policy.pause(n))
	}
}

// failed writes a dead letter, and is done with the record when that is durable.
func (s *session) failed(t *task, err error) {
	if s.c.noLetters {
		s.crew.board.release(t.part)
		s.stop(&HandleError{Position{t.record.Topic, t.record.Partition, t.record.Offset}, t.tries, err})
		return
	}
	s.letter(t, err, false)
}

// letter writes a dead letter, whole or, if that is too large, without its content.
func (s *session) letter(t *task, reason error, bare bool) {
	s.send(t, []*kgo.Record{s.c.letter(t, reason, bare)}, func(err error) {
		switch {
		case err == nil:
			s.c.counts.letters.Add(1)
			s.finish(t)
		case errors.Is(err, kerr.MessageTooLarge) && !bare:
			s.letter(t, reason, true)
		default:
			s.crew.board.release(t.part)
			if t.part.ctx.Err() == nil && !errors.Is(err, kgo.ErrClientClosed) {
				s.stop(&ProduceError{Topic: s.c.letters, Partition: -1, ID: t.of.id, Err: err})
			}
		}
	})
}

// finish is done with a task. If its partition was paused, it may be read on, and nobody
// else may look: the next poll may wait for just that.
func (s *session) finish(t *task) {
	if s.crew.board.finish(t) {
		s.flowOf([]*part{t.part})
	}
}

// sending is records of a task on their way.
type sending struct {
	s    *session
	t    *task
	done func(error)

	mu    sync.Mutex
	left  int
	stale []*kgo.Record // to topics that were made again
	err   error
}

// send writes records; done is called once, when all are durable or one has failed.
func (s *session) send(t *task, records []*kgo.Record, done func(error)) {
	if len(records) == 0 {
		done(nil)
		return
	}
	way := &sending{s: s, t: t, done: done, left: len(records)}
	for _, r := range records {
		s.out.write(t.part.ctx, r, func(_ Position, err error) { way.arrived(r, err) })
	}
}

// arrived takes what became of a record.
func (w *sending) arrived(r *kgo.Record, err error) {
	w.mu.Lock()
	switch {
	case errors.Is(err, kerr.UnknownTopicID):
		w.stale = append(w.stale, r)
	case err != nil && w.err == nil:
		w.err = &ProduceError{Topic: r.Topic, Partition: -1, ID: w.t.of.id, Err: err}
	}
	w.left--
	last := w.left == 0
	w.mu.Unlock()
	switch {
	case !last:
	case w.err == nil && len(w.stale) == 0:
		w.done(nil)
	case w.err == nil:
		time.AfterFunc(commitEvery, func() { w.s.send(w.t, w.stale, w.done) })
	default: // not here, where the Kafka client waits: it may have to be written to
		time.AfterFunc(0, func() { w.done(w.err) })
	}
}
