package live

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// taken is how many frames a reader gets at a time.
const taken = 256

// A Subscription is one reader. It is for one goroutine.
type Subscription struct {
	hub    *Hub
	tail   *tail
	at     Position
	shared bool        // it reads from the tail, and
	number uint64      // this is the next frame
	own    *kgo.Client // else by itself; nil until it does
}

// Position is a copy of where it is: behind what Next has returned.
func (s *Subscription) Position() Position { return s.at.clone() }

// Reaches tells whether all before a position was returned.
func (s *Subscription) Reaches(end Position) bool { return s.at.reaches(end) }

// End is the end of the topic, as far as it was read for those who are there.
func (s *Subscription) End() Position { return s.tail.end() }

// Close ends the subscription.
func (s *Subscription) Close() {
	s.leaveOwn()
	s.hub.leave(s.tail)
}

func (s *Subscription) leaveOwn() {
	if s.own != nil {
		s.own.Close()
		s.own = nil
		<-s.hub.owns
	}
}

// Next waits for frames and returns them, in the order of each partition; none if quiet
// fires before. An error ends the subscription.
func (s *Subscription) Next(ctx context.Context, quiet <-chan time.Time) ([]*Frame, error) {
	for {
		if !s.shared && !s.attach() {
			return s.readOwn(ctx, quiet)
		}
		frames, wake, err := s.readShared()
		if err != nil || len(frames) > 0 {
			return frames, err
		}
		if !s.shared {
			continue // it has fallen behind
		}
		select {
		case <-wake:
		case <-quiet:
			return nil, nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// attach begins to read from the tail if that has all that comes next.
func (s *Subscription) attach() bool {
	t := s.tail
	t.mu.Lock()
	defer t.mu.Unlock()
	if !s.at.reaches(t.mu.start) {
		return false
	}
	s.shared, s.number = true, t.mu.first
	s.leaveOwn()
	return true
}

// readShared takes what the tail has. The channel is closed when it has more.
func (s *Subscription) readShared() ([]*Frame, <-chan struct{}, error) {
	t := s.tail
	t.mu.Lock()
	defer t.mu.Unlock()
	if s.number < t.mu.first {
		s.shared = false
		return nil, nil, nil
	}
	var frames []*Frame
	for _, f := range t.mu.frames[s.number-t.mu.first:] {
		if len(frames) == taken {
			break
		}
		s.number++
		if f.Offset >= s.at[f.Partition] { // else it has read this by itself
			frames = append(frames, f)
			s.at[f.Partition] = f.Offset + 1
		}
	}
	if len(frames) == 0 && t.mu.err != nil {
		return nil, nil, t.mu.err
	}
	return frames, t.mu.wake, nil
}

// readOwn reads for this reader alone.
func (s *Subscription) readOwn(ctx context.Context, quiet <-chan time.Time) ([]*Frame, error) {
	if err := s.tail.failure(); err != nil {
		return nil, err
	}
	if s.own == nil {
		select {
		case s.hub.owns <- struct{}{}:
		case <-quiet:
			return nil, nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		client, err := s.hub.consumer(s.tail.topic, s.at)
		if err != nil {
			<-s.hub.owns
			return nil, err
		}
		s.own = client
	}
	poll, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	fetches := s.own.PollRecords(poll, taken)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return s.frames(fetches)
}

// frames makes frames of what this reader has polled.
func (s *Subscription) frames(fetches kgo.Fetches) ([]*Frame, error) {
	var frames []*Frame
	var wrong error
	fetches.EachError(func(_ string, _ int32, err error) {
		if !errors.Is(err, context.DeadlineExceeded) {
			wrong = fmt.Errorf("%w: %q: %w", ErrUnavailable, s.tail.topic, err)
		}
	})
	fetches.EachRecord(func(r *kgo.Record) {
		s.at[r.Partition] = r.Offset + 1
		if r.Attrs.IsControl() {
			return
		}
		f, err := frame(r)
		if err != nil {
			wrong = err
			return
		}
		frames = append(frames, f)
	})
	return frames, wrong
}
