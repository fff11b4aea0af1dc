package client

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A fencing is a producer that brokers do not let go on. Either another program has taken
// its transactional id over, or its transaction took too long, and was aborted: brokers say
// the same of both, since either way the epoch has moved on. The coordinator knows.
type fencing struct {
	id    int64
	epoch int16
	why   error
}

// disowned tells whether an error is that of a producer whose epoch has moved on, or whose
// transaction was ended meanwhile.
func disowned(err error) bool {
	return errors.Is(err, kerr.InvalidTxnState) || errors.Is(err, kerr.ProducerFenced) || errors.Is(err, kerr.InvalidProducerEpoch) || errors.Is(err, kerr.InvalidProducerIDMapping)
}

// lost ends a transaction whose producer was disowned, and says what has become of it. None
// of it was committed.
func (t *Transactor) lost(ctx context.Context, why error) error {
	id, epoch, err := t.mu.out.kafka.ProducerID(ctx) // also one that has failed
	t.discard()
	if id < 0 {
		return errors.Join(why, err)
	}
	return t.settle(ctx, &fencing{id, epoch, why})
}

// settle finds out who has the transactional id after a transaction that failed, or one
// before of which that is not known yet; nil if there is none.
func (t *Transactor) settle(ctx context.Context, f *fencing) error {
	asked := f != nil
	if !asked {
		f = t.mu.doubt
	}
	if f == nil {
		return nil
	}
	switch err := t.c.owns(ctx, t.id, f); {
	case err == nil, errors.Is(err, kerr.InvalidProducerIDMapping): // nobody has it any more
		t.mu.doubt = nil
		if asked {
			return fmt.Errorf("%w: %w", ErrTimedOut, f.why)
		}
		return nil
	case disowned(err):
		t.mu.closed = fmt.Errorf("%w: %w", ErrFenced, err)
		return t.mu.closed
	default:
		t.mu.doubt = f
		return fmt.Errorf("who has the transactional id after this is not known: %w: %w", f.why, err)
	}
}

// owns asks whether a producer is the last one that had a transactional id. If it is, it is
// given another epoch (KIP-360), and so are those that time has moved on (KIP-588).
func (c *Client) owns(ctx context.Context, id string, f *fencing) error {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	for {
		req := kmsg.NewPtrInitProducerIDRequest()
		req.TransactionalID, req.TransactionTimeoutMillis = &id, int32(transactionTime.Milliseconds())
		req.ProducerID, req.ProducerEpoch = f.id, f.epoch
		resp, err := req.RequestWith(ctx, c.kafka)
		if err == nil {
			err = kerr.ErrorForCode(resp.ErrorCode)
		}
		if !errors.Is(err, kerr.ConcurrentTransactions) || ctx.Err() != nil {
			return err
		}
		sleep(ctx, commitEvery) // the one before is being ended
	}
}
