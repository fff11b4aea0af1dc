package demo

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// outbox sends events and waits until they are durable.
type outbox struct {
	client *kgo.Client
	track  *tracker
	sent   sync.WaitGroup

	mu struct {
		sync.Mutex
		err error // the first
	}
}

func newOutbox(client *kgo.Client, track *tracker) *outbox {
	return &outbox{client: client, track: track}
}

// send sends an event without waiting for its acknowledgement.
func (o *outbox) send(ctx context.Context, d draft, source, causation string) error {
	event, err := d.event(source, causation, time.Now())
	if err != nil {
		return err
	}
	o.sendEvent(ctx, event, d.final)
	return nil
}

func (o *outbox) sendEvent(ctx context.Context, event Event, final bool) {
	o.sent.Add(1)
	o.client.Produce(ctx, event.record(), func(r *kgo.Record, err error) {
		defer o.sent.Done()
		if err == nil {
			o.track.durable(r.Topic, event.Correlation, final)
			return
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.mu.err == nil {
			o.mu.err = fmt.Errorf("produce %s to topic %s: %w", event.ID, r.Topic, err)
		}
	})
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
