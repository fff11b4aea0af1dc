package broker

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/metadata"
	"github.com/evidentlog/evident/internal/broker/txn"
	"github.com/evidentlog/evident/internal/broker/txn/transaction"
	"github.com/evidentlog/evident/internal/log"
)

// transactionsTopic is __transaction_state for the transaction coordinator.
func (b *Broker) transactionsTopic() stateTopic {
	return stateTopic{b, metadata.Spec{Name: metadata.TransactionsTopic, Partitions: b.cfg.TransactionsPartitions, Configs: map[string]string{
		"cleanup.policy":   "compact",
		"compression.type": "uncompressed",
		"segment.bytes":    strconv.Itoa(100 << 20),
	}}}
}

func (b *Broker) newTransactions() *txn.Coordinator {
	return txn.New(txn.Config{
		Store: transactionStore{b.transactionsTopic()}, Log: transactionLog{b}, ProducerID: b.store.ProducerID, Go: b.work.start,
		Logger: b.cfg.Logger, MaxTimeout: b.cfg.TransactionMaxTimeout, Expiration: b.cfg.TransactionalIDExpiration,
	})
}

// transactionStore is __transaction_state for the transaction coordinator.
type transactionStore struct{ stateTopic }

// Read implements [statetopic.Store]. What lies before damage is not read: where a
// commit may follow, a transaction would be taken for one that nobody has decided.
func (s transactionStore) Read(ctx context.Context, partition int32, fn func([]byte) error) error {
	p, err := s.partition(partition)
	if err != nil {
		return err
	}
	if err := p.Err(); errors.Is(err, log.ErrCorruption) {
		return err
	}
	return s.stateTopic.Read(ctx, partition, fn)
}

// transactionLog is all partitions for the transaction coordinator.
type transactionLog struct{ broker *Broker }

// Open implements [txn.Log]. A damaged partition takes no markers, and no records that
// could be taken for another transaction's: the start that finds it mended ends what it
// holds open.
func (l transactionLog) Open() []transaction.Open {
	var all []transaction.Open
	for t := range l.broker.store.Snapshot().All() {
		for n, p := range t.Partitions {
			if errors.Is(p.Err(), log.ErrCorruption) {
				continue
			}
			for _, open := range p.OpenTransactions() {
				all = append(all, transaction.Open{
					In: transaction.Partition{Topic: t.Name, Number: int32(n)},
					By: transaction.Producer{ID: open.ProducerID, Epoch: open.Epoch},
				})
			}
		}
	}
	return all
}

// Check implements [txn.Log]. A marker in the coordinators' own topics, but of
// offsets, would be a record that they cannot read.
func (l transactionLog) Check(p transaction.Partition) *kerr.Error {
	t := l.broker.store.Snapshot().Topic(p.Topic)
	switch {
	case t == nil, t.Partition(p.Number) == nil:
		return kerr.UnknownTopicOrPartition
	case t.Internal():
		return kerr.TopicAuthorizationFailed
	}
	return nil
}

// AppendMarker implements [txn.Log]. The group coordinator writes those for
// committed offsets, which become visible with them.
func (l transactionLog) AppendMarker(to transaction.Partition, m log.Marker, done func(error)) {
	if to.Topic == metadata.OffsetsTopic {
		l.broker.groups.EndTransaction(to.Number, m, func(err error) { done(markerError(err)) })
		return
	}
	t := l.broker.store.Snapshot().Topic(to.Topic)
	if t == nil || t.Partition(to.Number) == nil {
		done(fmt.Errorf("%w: %s-%d", txn.ErrGone, to.Topic, to.Number))
		return
	}
	if err := t.Partition(to.Number).AppendMarker(m, func(err error) { done(markerError(err)) }); err != nil {
		done(markerError(err))
	}
}

// markerError makes of the log's errors those that the coordinator knows.
func markerError(err error) error {
	for _, m := range []struct{ from, to error }{
		{log.ErrDeleted, txn.ErrGone},
		{metadata.ErrUnknownTopic, txn.ErrGone},
		{log.ErrProducerFenced, txn.ErrFenced},
		{log.ErrCoordinatorFenced, txn.ErrFenced},
	} {
		if errors.Is(err, m.from) {
			return fmt.Errorf("%w: %w", m.to, err)
		}
	}
	return err
}

// transacted makes a starter of one of the transaction coordinator's methods.
func transacted[R any, P interface {
	*R
	kmsg.Request
}, A kmsg.Response](method func(P, func(A))) func(*call) error {
	return func(c *call) error {
		req := P(new(R))
		if err := c.decode(req); err != nil {
			c.done()
			return err
		}
		c.releaseBody()
		method(req, func(resp A) {
			c.conn.broker.budget.release(&c.hold) // the request may have waited, with its memory
			c.reply(response{resp})
		})
		return nil
	}
}
