package resource

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// Group is the consumer group of the nodes; who has the topic's partition writes.
	Group = "evident-resources"
	// transactionalID fences the writer before (KIP-98).
	transactionalID = "evident-resources"
	// transactionTimeout ends what a writer that is gone has begun.
	transactionTimeout = 30 * time.Second
)

// write is one turn: it fences the writer before, reads to the end, and takes
// requests until ctx ends or another node has fenced this one. What was begun then
// is ended, unless the service's own life ends.
func (s *Service) write(ctx, life context.Context, member *kgo.Client) error {
	client, err := s.cfg.Client(
		kgo.TransactionalID(transactionalID), kgo.TransactionTimeout(transactionTimeout),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(kgo.ZstdCompression(), kgo.NoCompression()),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	if _, _, err := client.ProducerID(ctx); err != nil {
		return fmt.Errorf("transactional id %s: %w", transactionalID, err)
	}
	if err := checkTopic(ctx, kadm.NewClient(client)); err != nil {
		return err
	}
	if err := s.catchUp(ctx, client); err != nil {
		return err
	}
	w := newWriter(life, s, client, member)
	if err := w.readMade(ctx); err != nil {
		return err
	}
	s.writer.Store(w)
	s.turn.Seated()
	defer w.end()
	defer s.writer.Store(nil)
	s.cfg.Logger.Info("this node writes what is declared", "revision", s.State().End-1)
	return w.run(ctx)
}
