package broker

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// shareAcknowledge answers ShareAcknowledge when the acknowledgements are durable.
func (b *Broker) shareAcknowledge(ctx context.Context, c *call) (answer, error) {
	req := kmsg.NewPtrShareAcknowledgeRequest()
	if err := c.decode(req); err != nil {
		return nil, err
	}
	resp, err := b.queues.Acknowledge(ctx, req)
	if err != nil {
		return nil, err
	}
	return response{resp}, nil
}
