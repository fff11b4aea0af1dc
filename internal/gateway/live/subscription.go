package live

import (
	"context"
	"time"
)

// A Subscription is one reader. It is for one goroutine.
type Subscription struct {
	hub    *Hub
	tail   *tail
	at     Position
	end    Position // of the topic when it began
	alone  bool     // it never reads from the tail, which is behind the log and goes by records
	shared bool     // it reads from the tail, and
	number uint64   // this is the next frame
	own    own      // else by itself
}

// Position is a copy of where it is: behind what Next has returned.
func (s *Subscription) Position() Position { return s.at.clone() }

// Digits are those of the topic, which positions of it have behind them; empty if it has
// none.
func (s *Subscription) Digits() string {
	id, _ := s.tail.leader(0)
	return digitsOf(id)
}

// Partitions is how many there are.
func (s *Subscription) Partitions() int { return len(s.at) }

// AtEnd tells whether all was returned, or passed, that was there when it began.
func (s *Subscription) AtEnd() bool { return s.at.reaches(s.end) }

// Before tells whether a frame is of what was there when it began.
func (s *Subscription) Before(f *Frame) bool { return f.Offset < s.end[f.Partition] }

// Close ends the subscription.
func (s *Subscription) Close() {
	s.leaveOwn()
	s.hub.leave(s.tail)
}

// Next waits for frames and returns them, in the order of each partition; none if quiet
// fires before, and sometimes before that. An error ends the subscription.
func (s *Subscription) Next(ctx context.Context, quiet <-chan time.Time) ([]*Frame, error) {
	if s.alone {
		return s.readOwn(ctx, quiet, s.end)
	}
	for {
		if to := s.attach(); !s.shared {
			return s.readOwn(ctx, quiet, to)
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

// attach begins to read from the tail if that has all that comes next, and else returns
// where that would be so.
func (s *Subscription) attach() Position {
	if s.shared {
		return nil
	}
	t := s.tail
	t.mu.Lock()
	if start := t.mu.start.clone(); !s.at.reaches(start) {
		t.mu.Unlock()
		return start
	}
	s.shared, s.number = true, t.mu.first
	t.mu.Unlock()
	s.leaveOwn()
	return nil
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
	bytes := 0
	for _, f := range t.mu.frames[s.number-t.mu.first:] {
		if bytes >= taken {
			break
		}
		s.number++
		if f.Offset >= s.at[f.Partition] { // else it has read this by itself
			frames = append(frames, f)
			bytes += len(f.Line)
			s.at[f.Partition] = f.Offset + 1
		}
	}
	if len(frames) == 0 && t.mu.err != nil {
		return nil, nil, t.mu.err
	}
	return frames, t.mu.wake, nil
}
