package resource

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// follow reads a log, a transaction at a time, and publishes each state from the one on
// that has all that there was, when it calls whole. Until then that of the log before
// stands. The error is [errOtherLog] if the log goes on otherwise than it was read.
func (s *Service) follow(ctx context.Context, l log, whole func()) error {
	client, err := s.cfg.Client(
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{Topic: {0: kgo.NewOffset().AtStart()}}),
		// Where the log does not go on, nothing is passed over, and nothing read twice.
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	r := newReader(s, l, whole)
	for {
		if err := r.publish(); err != nil {
			s.cfg.Logger.Error("what is declared cannot be understood", "error", err)
		}
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err := s.faults(ctx, fetches); err != nil {
			return err
		}
		for it := fetches.RecordIter(); !it.Done(); {
			if err := r.take(it.Next()); err != nil {
				return err
			}
		}
	}
}

// faults tells of errors of a poll; it returns those after which nothing comes any more.
func (s *Service) faults(ctx context.Context, fetches kgo.Fetches) error {
	errs := fetches.Errors()
	for _, f := range errs {
		if errors.Is(f.Err, kerr.UnknownTopicID) || errors.Is(f.Err, kerr.OffsetOutOfRange) || errors.As(f.Err, new(*kgo.ErrDataLoss)) {
			return fmt.Errorf("%w: %w", errOtherLog, f.Err)
		}
		s.cfg.Logger.Warn("what is declared cannot be read, and is tried again", "error", f.Err)
	}
	if len(errs) > 0 {
		rest(ctx)
	}
	return nil
}

// Current waits until this node has read all that is declared now: when it is called, and
// by the word of the cluster, which client asks.
func (s *Service) Current(ctx context.Context, client *kgo.Client) error {
	if there, err := s.findTopic(ctx, client, false); err != nil || !there && s.State().End == 0 {
		return err // nil: nobody has declared anything
	}
	return s.catchUp(ctx, client)
}

// catchUp waits until this node has read all that was written before.
func (s *Service) catchUp(ctx context.Context, client *kgo.Client) error {
	before := s.State()
	l, err := lookAt(ctx, client)
	if err != nil {
		return err
	}
	if !l.id.differs(before.topic) && before.End > l.end {
		return fmt.Errorf("%w: it ends at %d, and was read up to %d", errOtherLog, l.end, before.End)
	}
	have, err := s.await(ctx, func(have *State) bool { return !l.id.differs(have.topic) && have.End >= l.end })
	if err != nil {
		return fmt.Errorf("%s ends at %d, and has been read up to %d: %w", Topic, l.end, have.End, err)
	}
	return nil
}
