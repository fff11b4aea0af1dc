package client

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// errGiven is the cause of contexts of handlers whose partition is another member's.
var errGiven = errors.New("the partition is given to another member of the group")

type place struct {
	topic     string
	partition int32
}

// A session is one stay in the group, at least once. Its partitions come and go in
// callbacks of the Kafka client, which are not called between a poll and the
// AllowRebalance that follows it.
type session struct {
	c     *Consumer
	kafka *kgo.Client
	out   *writer
	crew  *crew
	base  context.Context         // of handlers: does not end with Run's
	fail  context.CancelCauseFunc // ends polling
	turn  chan struct{}           // has a token: whoever takes it may commit
	ready chan struct{}           // closed when callbacks may begin

	mu struct {
		sync.Mutex
		parts map[place]*part
	}
	flow sync.Mutex // over pausing and resuming partitions
}

// groupOptions are those of any consumer.
func (c *Consumer) groupOptions(more ...kgo.Opt) []kgo.Opt {
	opts := append([]kgo.Opt{
		kgo.FetchMaxBytes(8 << 20),
		kgo.FetchMaxWait(fetchWait),
		kgo.ConsumeStartOffset(c.start),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
	}, c.kafka...)
	opts = append(opts,
		kgo.ConsumerGroup(c.group), kgo.ConsumeTopics(c.topics...), kgo.DisableAutoCommit(),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
	)
	return append(opts, more...)
}

// atLeastOnce is a session from joining the group to leaving it.
func (c *Consumer) atLeastOnce(ctx context.Context) error {
	s := &session{c: c, base: context.WithoutCancel(ctx), turn: make(chan struct{}, 1), ready: make(chan struct{})}
	s.mu.parts = make(map[place]*part)
	s.turn <- struct{}{}
	polling, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	s.fail = fail
	kafka, err := c.client.client(c.groupOptions(
		placer(c.client.kafka), kgo.BlockRebalanceOnPoll(),
		kgo.OnPartitionsAssigned(s.took),
		kgo.OnPartitionsRevoked(s.revoked),
		kgo.OnPartitionsLost(s.lost),
	)...)
	if err != nil {
		return err
	}
	s.kafka, s.out, s.crew = kafka, &writer{kafka: kafka}, newCrew(c, s)
	close(s.ready)
	var committer sync.WaitGroup
	stopped := make(chan struct{})
	committer.Go(func() { s.commitAll(stopped) })
	err = s.poll(polling)
	s.give(s.removeAll(), c.grace)
	close(stopped)
	committer.Wait()
	kafka.CloseAllowingRebalance()
	s.crew.close()
	return err
}

// took begins to have partitions.
func (s *session) took(_ context.Context, _ *kgo.Client, got map[string][]int32) {
	<-s.ready
	s.mu.Lock()
	defer s.mu.Unlock()
	for topic, partitions := range got {
		for _, n := range partitions {
			s.mu.parts[place{topic, n}] = s.crew.board.open(s.base, topic, n)
		}
	}
}

// revoked gives partitions up in order.
func (s *session) revoked(_ context.Context, _ *kgo.Client, gone map[string][]int32) {
	<-s.ready
	s.give(s.remove(gone), s.c.grace)
}

// lost gives partitions up that another member has already.
func (s *session) lost(_ context.Context, _ *kgo.Client, gone map[string][]int32) {
	<-s.ready
	parts := s.remove(gone)
	for _, p := range parts {
		p.cancel(errGiven)
	}
	s.end(parts, 0)
}

// poll takes records until ctx ends, or the session cannot go on, and says why.
func (s *session) poll(ctx context.Context) error {
	for s.room(ctx) {
		fetches := s.kafka.PollRecords(ctx, min(maxPoll, s.c.buffer))
		if ctx.Err() != nil {
			s.kafka.AllowRebalance()
			return context.Cause(ctx)
		}
		fetches.EachPartition(func(f kgo.FetchTopicPartition) { s.add(f.Topic, f.Partition, f.Records) })
		err := s.c.faults(ctx, fetches)
		s.kafka.AllowRebalance()
		if err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

// faults looks at the errors of a poll: one that ends the session, or that is only to
// be told.
func (c *Consumer) faults(ctx context.Context, fetches kgo.Fetches) error {
	faults := fetches.Errors()
	for _, f := range faults {
		err := &ReadError{f.Topic, f.Partition, f.Err}
		switch {
		case refused(f.Err):
			return err
		case errors.Is(f.Err, kerr.UnknownTopicID), errors.Is(f.Err, kgo.ErrClientClosed):
			return &brokenError{err}
		}
		c.client.cfg.logger.WarnContext(ctx, "reading", "group", c.group, "reason", err)
	}
	if len(faults) > 0 {
		sleep(ctx, commitEvery) // they repeat until the cause is gone
	}
	return nil
}

// remove takes partitions out of those that it has.
func (s *session) remove(lost map[string][]int32) []*part {
	s.mu.Lock()
	defer s.mu.Unlock()
	var parts []*part
	for topic, partitions := range lost {
		for _, n := range partitions {
			if p := s.mu.parts[place{topic, n}]; p != nil {
				parts = append(parts, p)
				delete(s.mu.parts, place{topic, n})
			}
		}
	}
	return parts
}

func (s *session) removeAll() []*part {
	s.mu.Lock()
	defer s.mu.Unlock()
	parts := slices.Collect(maps.Values(s.mu.parts))
	clear(s.mu.parts)
	return parts
}

// give gives partitions up in order: nothing more is begun, what runs has some time to
// end, and what is done is committed.
func (s *session) give(parts []*part, grace time.Duration) {
	s.end(parts, grace)
	s.commit(parts)
}

func (s *session) end(parts []*part, grace time.Duration) {
	for _, p := range parts {
		s.crew.board.give(p)
	}
	s.resume(parts)
	drain(parts, grace)
	for _, p := range parts {
		p.cancel(errGiven)
	}
	drain(parts, lateness)
}

// drain waits for what runs of partitions, for some time in all.
func drain(parts []*part, patience time.Duration) {
	late := time.NewTimer(patience)
	defer late.Stop()
	for _, p := range parts {
		select {
		case <-p.drained:
		case <-late.C:
			return
		}
	}
}

// add hands records to the workers.
func (s *session) add(topic string, n int32, records []*kgo.Record) {
	s.mu.Lock()
	p := s.mu.parts[place{topic, n}]
	s.mu.Unlock()
	if p != nil && len(records) > 0 {
		s.crew.board.add(p, records)
	}
}

func (s *session) stop(err error) { s.fail(err) }

// commitAll commits now and then until it is stopped.
func (s *session) commitAll(stopped <-chan struct{}) {
	tick := time.NewTicker(commitEvery)
	defer tick.Stop()
	for {
		select {
		case <-stopped:
			return
		case <-tick.C:
		}
		s.commit(s.parts())
	}
}

// parts are the partitions that it has.
func (s *session) parts() []*part {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.mu.parts))
}

// commit commits what is done of partitions, if there is anything. One commit is under
// way at a time, so that a late one does not undo another.
func (s *session) commit(parts []*part) {
	<-s.turn
	defer func() { s.turn <- struct{}{} }()
	due := s.crew.board.due(parts)
	if len(due) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(s.base, requestTime)
	defer cancel()
	s.kafka.CommitOffsetsSync(ctx, due, func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, resp *kmsg.OffsetCommitResponse, err error) {
		s.committed(parts, due, resp, err)
	})
}

// committed takes the answer to a commit. What could not be committed is tried again
// with the next one, or handled again by whoever has the partition then.
func (s *session) committed(parts []*part, due map[string]map[int32]kgo.EpochOffset, resp *kmsg.OffsetCommitResponse, err error) {
	failed := make(map[place]error)
	if err == nil {
		for _, t := range resp.Topics {
			for _, p := range t.Partitions {
				if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
					failed[place{t.Topic, p.Partition}] = err
				}
			}
		}
	}
	for _, p := range parts {
		offset, asked := due[p.topic][p.number]
		if !asked {
			continue
		}
		why := err
		if why == nil {
			why = failed[place{p.topic, p.number}]
		}
		if why == nil {
			s.crew.board.commit(p, offset.Offset)
			continue
		}
		why = fmt.Errorf("commit offset %d of topic %s, partition %d: %w%s", offset.Offset, p.topic, p.number, why, advice(why))
		if refused(why) {
			s.stop(why)
		}
		s.c.client.cfg.logger.WarnContext(s.base, "committing", "group", s.c.group, "reason", why)
	}
}
