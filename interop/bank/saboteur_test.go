package bank

import (
	"context"
	"sync"
	"time"
)

// saboteur does harm again and again.
type saboteur struct {
	wait   func() time.Duration // before each time
	strike func(context.Context) error

	mu   sync.Mutex
	left int // how often it is still to strike
}

// satisfied tells whether it struck as often as it should.
func (s *saboteur) satisfied() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.left == 0
}

// during strikes while work is done. When it returns no strike is under way.
func (s *saboteur) during(ctx context.Context, work func(context.Context) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	done := make(chan struct{})
	var striking sync.WaitGroup
	striking.Go(func() {
		if err := s.run(ctx, done); err != nil {
			stop(err)
		}
	})
	err := work(ctx)
	close(done)
	striking.Wait()
	return err
}

func (s *saboteur) run(ctx context.Context, done <-chan struct{}) error {
	for !s.satisfied() {
		select {
		case <-done:
			return nil
		case <-time.After(s.wait()):
		}
		if err := s.strike(ctx); err != nil {
			return err
		}
		s.mu.Lock()
		s.left--
		s.mu.Unlock()
	}
	return nil
}
