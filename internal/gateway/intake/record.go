package intake

import (
	"context"
	"fmt"

	"github.com/evidentlog/evident/event"
	"github.com/evidentlog/evident/internal/claim"
)

// record is the record of an event, whose data is kept elsewhere if it is too large.
func (in *Intake) record(ctx context.Context, f *Flight, e *event.Event) (event.Record, error) {
	r, err := e.Record()
	if err != nil {
		return r, err
	}
	if size := batchSize(&r); size > f.state.maxBytes {
		return in.large(ctx, f, *e, size)
	}
	return r, nil
}

// large is the record of an event that is too large as it is.
func (in *Intake) large(ctx context.Context, f *Flight, e event.Event, size int) (event.Record, error) {
	tooLarge := fmt.Errorf("%w %q: it takes %d bytes there, and %d are allowed (max.message.bytes)", ErrTooLarge, f.topic.name, size, f.state.maxBytes)
	if in.cfg.Claims == nil || len(e.Data) == 0 {
		return event.Record{}, tooLarge
	}
	desk := claim.Desk{Store: in.cfg.Claims, Base: claim.Prefix}
	checked, err := desk.CheckIn(ctx, e)
	if err != nil {
		return event.Record{}, fmt.Errorf("%w: data too large for topic %q: %w", ErrUnavailable, f.topic.name, err)
	}
	r, err := checked.Record()
	if err == nil && batchSize(&r) > f.state.maxBytes {
		err = tooLarge // by its attributes, or since its data is elsewhere already
	}
	if err == nil {
		in.figures.claimed.Inc()
	}
	return r, err
}

// batchSize is at most how large a batch of one record is, in bytes: of lengths and
// differences each takes 5 at most, or 10.
func batchSize(r *event.Record) int {
	const header, fields = 61, 1 + 5*5 + 10
	n := header + fields + len(r.Key) + len(r.Value)
	for i := range r.Headers {
		n += 10 + len(r.Headers[i].Key) + len(r.Headers[i].Value)
	}
	return n
}
