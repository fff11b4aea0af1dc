package txn

import (
	"context"
	"errors"
	"fmt"
)

// locate makes sure that all goes to where its partition is now: leaders move, and what was
// made for a topic is no other's of the same name.
func (p *Producer) locate(ctx context.Context, b *Buffer) error {
	for _, part := range b.parts {
		if err := p.locatePart(ctx, part); err != nil {
			return err
		}
	}
	return nil
}

func (p *Producer) locatePart(ctx context.Context, of *part) error {
	now, err := p.cfg.Topics.Topic(ctx, of.to.Name)
	switch {
	case errors.Is(err, ErrNoTopic):
		return fmt.Errorf("%w: %w", ErrStale, err)
	case err != nil:
		return err
	case now.ID != of.to.ID:
		return fmt.Errorf("%w: topic %q was made anew: its id is %x and was %x", ErrStale, now.Name, now.ID, of.to.ID)
	case int(of.number) >= len(now.Leaders):
		return fmt.Errorf("%w: topic %q has %d partitions, and this was for partition %d", ErrStale, now.Name, len(now.Leaders), of.number)
	}
	of.to = now
	return nil
}
