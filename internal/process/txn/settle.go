package txn

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Note is what [Offset] was committed with, from the metadata of a committed offset.
func Note(metadata string) string {
	_, note, _ := strings.Cut(metadata, " ")
	return note
}

// Noted is the metadata of an offset that a transaction of a name commits with a note; an
// offset that none has committed has an empty name.
func Noted(name, note string) string { return name + " " + note }

// settle finds out whether the transaction of a name was committed, whose end went
// wrong with cause. A new epoch ends it one way or the other; after that the group has
// its offsets or has not.
func (p *Producer) settle(ctx context.Context, o Offsets, name string, cause error) error {
	for try := 0; ; try++ {
		err := p.begin(ctx)
		if err == nil {
			var committed bool
			if committed, err = p.committed(ctx, o, name); err == nil {
				if committed {
					return nil
				}
				return fenced(cause)
			}
		}
		select {
		case <-time.After(backoff(try)):
		case <-ctx.Done():
			return fmt.Errorf("%w: %q: %w; %w", ErrInDoubt, p.cfg.ID, cause, err)
		}
	}
}

// committed tells whether the group has an offset of the transaction of a name.
func (p *Producer) committed(ctx context.Context, o Offsets, name string) (bool, error) {
	first := o.Next[0]
	req := kmsg.NewPtrOffsetFetchRequest()
	req.RequireStable = true
	req.Group = o.Group
	t := kmsg.NewOffsetFetchRequestTopic()
	t.Topic, t.Partitions = first.Topic, []int32{first.Partition}
	req.Topics = append(req.Topics, t)
	resp, err := req.RequestWith(ctx, p.client)
	if err != nil {
		return false, err
	}
	if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
		return false, err
	}
	for _, t := range resp.Topics {
		for _, at := range t.Partitions {
			if err := kerr.ErrorForCode(at.ErrorCode); err != nil {
				return false, err
			}
			if at.Metadata != nil {
				of, _, _ := strings.Cut(*at.Metadata, " ")
				return of == name, nil
			}
		}
	}
	return false, nil
}
