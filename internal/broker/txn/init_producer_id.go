package txn

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/txn/transaction"
)

// initFenced is the first version of InitProducerId whose clients know
// PRODUCER_FENCED (KIP-588).
const initFenced = 4

// InitProducerID answers InitProducerId (versions 0 to 5), and waits for the disk
// or until ctx ends. With a transactional id the producer gets the next epoch,
// after a transaction of its predecessor has been aborted; without one, it gets
// an id of its own, always a new one (KIP-98).
func (c *Coordinator) InitProducerID(ctx context.Context, req *kmsg.InitProducerIDRequest) *kmsg.InitProducerIDResponse {
	p, err := c.initProducerID(ctx, req)
	resp := req.ResponseKind().(*kmsg.InitProducerIDResponse)
	resp.ErrorCode = fencedCode(err, req.Version >= initFenced)
	if err != nil {
		p = transaction.None
	}
	resp.ProducerID, resp.ProducerEpoch = p.ID, p.Epoch
	return resp
}

func (c *Coordinator) initProducerID(ctx context.Context, req *kmsg.InitProducerIDRequest) (transaction.Producer, *kerr.Error) {
	if err := c.checkInit(req); err != nil {
		return transaction.None, err
	}
	if req.TransactionalID == nil {
		return c.newProducer()
	}
	e, err := c.obtain(ctx, *req.TransactionalID)
	if err != nil {
		return transaction.None, err
	}
	type outcome struct {
		p   transaction.Producer
		err *kerr.Error
	}
	done := make(chan outcome, 1)
	c.submit(e, &request{
		decide: func(v *transaction.Value, now, freshID int64) transaction.Step {
			return v.Init(now, transaction.InitRequest{
				Timeout:  req.TransactionTimeoutMillis,
				Expected: transaction.Producer{ID: req.ProducerID, Epoch: req.ProducerEpoch},
				FreshID:  freshID,
			})
		},
		answer: func(p transaction.Producer, err *kerr.Error) { done <- outcome{p, err} },
	})
	select {
	case o := <-done:
		return o.p, o.err
	case <-ctx.Done():
		return transaction.None, kerr.CoordinatorNotAvailable
	}
}

func (c *Coordinator) checkInit(req *kmsg.InitProducerIDRequest) *kerr.Error {
	timeout := time.Duration(req.TransactionTimeoutMillis) * time.Millisecond
	switch {
	case (req.ProducerID == transaction.None.ID) != (req.ProducerEpoch == transaction.None.Epoch):
		return kerr.InvalidRequest
	case req.TransactionalID == nil:
		return nil
	case *req.TransactionalID == "":
		return kerr.InvalidRequest
	case timeout <= 0, timeout > c.cfg.MaxTimeout:
		return kerr.InvalidTransactionTimeout
	}
	return nil
}

func (c *Coordinator) newProducer() (transaction.Producer, *kerr.Error) {
	id, err := c.cfg.ProducerID()
	if err != nil {
		c.cfg.Logger.Error("no producer id can be reserved", "error", err)
		return transaction.None, kerr.CoordinatorNotAvailable
	}
	return transaction.Producer{ID: id}, nil
}

// obtain returns the id's entry, a new one if need be, once the topic exists.
func (c *Coordinator) obtain(ctx context.Context, id string) (*entry, *kerr.Error) {
	there := make(chan *kerr.Error, 1)
	c.topic.WhenThere(id, func(err *kerr.Error) { there <- err })
	select {
	case err := <-there:
		if err != nil {
			return nil, err
		}
	case <-ctx.Done():
		return nil, kerr.CoordinatorNotAvailable
	}
	e, err := c.find(id)
	if err != kerr.InvalidProducerIDMapping {
		return e, err
	}
	p, err := c.newProducer()
	if err != nil {
		return nil, err
	}
	return c.insert(id, p.ID)
}
