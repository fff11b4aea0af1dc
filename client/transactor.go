package client

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Errors of transactions.
var (
	// ErrFenced says that somebody else has taken the transactional id over.
	ErrFenced = errors.New("another program has taken over the transactional id")
	// ErrTimedOut says that a transaction was aborted, since it took longer than brokers let
	// one be open. The next one may do better.
	ErrTimedOut = errors.New("the transaction took too long, and was aborted")
	// ErrUncertain says that it is not known whether a transaction was committed. To
	// produce the same events again gives them the same ids.
	ErrUncertain = errors.New("whether the transaction was committed is not known")
)

// A Transactor writes events to several topics together, or none of them. It has a
// transactional id, which one program has at a time: who comes later takes it over, and
// whoever had it before is fenced ([ErrFenced]). A transaction that is open for longer than
// brokers allow is aborted ([ErrTimedOut]), and another one may follow. Consumers that emit with [ExactlyOnce] need none.
type Transactor struct {
	c    *Client
	id   string
	opts []ProducerOption

	mu struct { // one transaction at a time
		sync.Mutex
		out    *writer // nil until one is begun, and after one that failed
		closed error
		doubt  *fencing // who had the id after a transaction that failed; nil: this one had
	}
}

// Transactor makes a transactor. Programs that run at the same time need ids of their
// own; one that comes back takes its id over, and with it what it left open is aborted.
func (c *Client) Transactor(id string, opts ...ProducerOption) *Transactor {
	return &Transactor{c: c, id: id, opts: opts}
}

// Do calls fn with a producer whose events become visible together, to readers of
// committed records, when fn returns nil and Do does. If fn returns an error, or an
// event could not be written, none of them does, and Do returns why. An error that is
// [ErrUncertain] leaves it open. Transactions of one transactor wait for each other.
func (t *Transactor) Do(ctx context.Context, fn func(*Producer) error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.mu.closed != nil {
		return fmt.Errorf("transaction %q: %w", t.id, t.mu.closed)
	}
	if err := t.do(ctx, fn); err != nil {
		return fmt.Errorf("transaction %q: %w%s", t.id, err, advice(err))
	}
	return nil
}

func (t *Transactor) do(ctx context.Context, fn func(*Producer) error) error {
	if err := t.begin(ctx); err != nil {
		t.discard()
		return err
	}
	err := t.fill(fn)
	if flushed := t.mu.out.kafka.Flush(ctx); err == nil {
		err = flushed
	}
	if failed := t.mu.out.failure(); err == nil && failed != nil {
		err = failed
	}
	if err == nil {
		return t.end(ctx, true, nil)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestTime)
	defer cancel()
	if disowned(err) {
		return t.lost(ctx, err)
	}
	if t.mu.out.kafka.AbortBufferedRecords(ctx) != nil {
		t.discard() // what is on its way may still arrive: the next transaction fences it
		return err
	}
	return t.end(ctx, false, err)
}

// fill calls fn; a panic passes through, and the transaction is aborted with the client.
func (t *Transactor) fill(fn func(*Producer) error) error {
	returned := false
	defer func() {
		if !returned {
			t.discard()
		}
	}()
	err := fn(t.c.producer(t.mu.out, t.opts))
	returned = true
	return err
}

func (t *Transactor) begin(ctx context.Context) error {
	if err := t.settle(ctx, nil); err != nil {
		return err
	}
	if t.mu.out == nil {
		kafka, err := t.c.client(kgo.TransactionalID(t.id))
		if err != nil {
			return err
		}
		t.mu.out = &writer{kafka: kafka}
	}
	t.mu.out.failure()
	return t.mu.out.kafka.BeginTransaction()
}

// end ends the transaction. Why it is to be aborted is the error then.
func (t *Transactor) end(ctx context.Context, commit bool, why error) error {
	ctx, cancel := context.WithTimeout(ctx, 2*transactionTime)
	defer cancel()
	err := t.mu.out.kafka.EndTransaction(ctx, kgo.TransactionEndTry(commit))
	if err == nil {
		return why
	}
	if disowned(err) {
		return t.lost(ctx, err)
	}
	t.discard() // the next one begins by aborting what this one left
	switch {
	case commit && !errors.Is(err, kerr.OperationNotAttempted) && !errors.Is(err, kerr.TransactionAbortable):
		return fmt.Errorf("%w: %w", ErrUncertain, err)
	}
	return errors.Join(why, err)
}

// discard closes the Kafka client; the next transaction has another.
func (t *Transactor) discard() {
	if t.mu.out != nil {
		t.mu.out.kafka.UnsafeAbortBufferedRecords()
		t.mu.out.kafka.Close()
		t.mu.out = nil
	}
}

// Close ends the transactor, when its transaction has ended.
func (t *Transactor) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.discard()
	if t.mu.closed == nil {
		t.mu.closed = ErrClosed
	}
}
