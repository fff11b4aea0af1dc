package demo

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/event"
)

// outbox sends the events that begin it all, and waits until they are durable.
type outbox struct {
	client *kgo.Client
	sent   sync.WaitGroup

	mu struct {
		sync.Mutex
		err error // the first
	}
}

// send sends an event without waiting for its acknowledgement. Its record's timestamp is
// the event's time: event time goes by that.
func (o *outbox) send(ctx context.Context, e *event.Event, at time.Time) error {
	r, err := record(e)
	if err != nil {
		return err
	}
	r.Timestamp = at
	o.sent.Add(1)
	o.client.Produce(ctx, r, func(r *kgo.Record, err error) {
		defer o.sent.Done()
		if err == nil {
			return
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.mu.err == nil {
			o.mu.err = fmt.Errorf("produce %s to topic %s: %w", e.ID, r.Topic, err)
		}
	})
	return nil
}

// wait waits for all acknowledgements and returns the first error.
func (o *outbox) wait() error {
	o.sent.Wait()
	return o.err()
}

// err returns the first error so far.
func (o *outbox) err() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.mu.err
}
