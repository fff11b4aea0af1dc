package live

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/ledger/fetch"
)

const (
	// fetched is how many bytes are asked for at a time, and answerWithin how long that
	// may take.
	fetched      = 1 << 20
	answerWithin = 10 * time.Second
	// againAfter is when a fetch that brought nothing is tried again, and stuckAfter
	// after what time of that the subscription ends.
	againAfter = 250 * time.Millisecond
	stuckAfter = 30 * time.Second
)

// An own is how one reader reads by itself: a stretch of one partition after the other.
// It goes by what the log says, so offsets at which there is nothing are passed too.
type own struct {
	place     *place // nil if it has none
	partition int    // that of the place
	next      int64  // behind what was fetched for it
	turn      int    // the partition to look at first
	stuck     time.Time
}

// readOwn reads for this reader alone, up to a position.
func (s *Subscription) readOwn(ctx context.Context, quiet <-chan time.Time, to Position) ([]*Frame, error) {
	if err := s.tail.failure(); err != nil {
		return nil, err
	}
	if frames := s.takeOwn(); len(frames) > 0 {
		return frames, nil
	}
	p := s.at.before(to, s.own.turn)
	if p < 0 {
		return nil, pause(ctx, quiet, lookEvery)
	}
	place, err := s.hub.places.get(ctx, quiet)
	if place == nil {
		return nil, err
	}
	frames, next, err := s.fetch(ctx, p)
	if err != nil || next <= s.at[p] {
		s.hub.places.leave(place)
		return nil, s.again(ctx, quiet, p, err)
	}
	s.own = own{place: place, partition: p, next: next, turn: p + 1}
	s.hub.places.fill(place, frames)
	return s.takeOwn(), nil
}

// takeOwn takes a portion of what was fetched; none if there is none, or if it has to be
// fetched again.
func (s *Subscription) takeOwn() []*Frame {
	if s.own.place == nil {
		return nil
	}
	frames, whole := s.hub.places.take(s.own.place)
	switch {
	case whole:
		s.at[s.own.partition] = s.own.next
	case len(frames) > 0:
		s.at[s.own.partition] = frames[len(frames)-1].Offset + 1
		return frames
	}
	s.leaveOwn()
	return frames
}

// leaveOwn gives the place back. It does no I/O.
func (s *Subscription) leaveOwn() {
	if s.own.place != nil {
		s.hub.places.leave(s.own.place)
		s.own.place = nil
	}
}

// fetch fetches what a partition has where the reader is, and says where that ends.
func (s *Subscription) fetch(ctx context.Context, p int) ([]*Frame, int64, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	id, leader := s.tail.leader(p)
	from := fetch.Partition{Client: s.hub.client, Leader: leader, Topic: s.tail.topic, ID: id, Number: int32(p)}
	answer, err := from.Read(ctx, s.at[p], fetched, 1)
	if errors.Is(err, kerr.OffsetOutOfRange) {
		next, err := s.begins(ctx, p)
		return nil, next, err
	}
	if err != nil {
		return nil, 0, err
	}
	got, next := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{
		Offset: s.at[p], IsolationLevel: kgo.ReadCommitted(), Topic: s.tail.topic, Partition: int32(p),
	}, answer, kgo.DefaultDecompressor(), nil)
	if got.Err != nil {
		return nil, 0, got.Err
	}
	frames, err := frames(got.Records)
	return frames, next, err
}

// begins is where a partition begins whose first records were deleted meanwhile.
func (s *Subscription) begins(ctx context.Context, p int) (int64, error) {
	listed, err := kadm.NewClient(s.hub.client).ListStartOffsets(ctx, s.tail.topic)
	starts, err := position(listed, s.tail.topic, len(s.at), err)
	if err != nil {
		return 0, err
	}
	if starts[p] <= s.at[p] {
		return 0, fmt.Errorf("partition %d has no offset %d any more: it was cut off behind it", p, s.at[p])
	}
	return starts[p], nil
}

// again waits for a while after a fetch that brought nothing, and asks who leads the
// partitions now. It gives up when that has gone on for long.
func (s *Subscription) again(ctx context.Context, quiet <-chan time.Time, p int, why error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if s.own.stuck.IsZero() {
		s.own.stuck = time.Now()
	}
	if time.Since(s.own.stuck) >= stuckAfter {
		if why == nil {
			why = errors.New("the cluster sends nothing")
		}
		return fmt.Errorf("%w: %q: partition %d at offset %d: %w", ErrUnavailable, s.tail.topic, p, s.at[p], why)
	}
	if err := pause(ctx, quiet, againAfter); err != nil {
		return err
	}
	asking, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	s.own.turn = p + 1 // another may be there
	if now, err := s.tail.look(asking); err == nil {
		s.tail.know(now)
	}
	return nil
}

// pause waits for some time, or until quiet fires.
func pause(ctx context.Context, quiet <-chan time.Time, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-quiet:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}
