package resource

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// Group is the consumer group of the nodes; who has the topic's partition writes.
	Group = "evident-resources"
	// transactionalID fences the writer before (KIP-98).
	transactionalID = "evident-resources"
	// session is how long a writer may be silent before it is another's turn.
	session = 10 * time.Second
	// transactionTimeout ends what a writer that is gone has begun.
	transactionTimeout = 30 * time.Second
)

// lead is a member of the group, and writes while it has the partition.
func (s *Service) lead(ctx context.Context) error {
	turns := make(chan bool, 1)
	tell := func(mine bool) func(context.Context, *kgo.Client, map[string][]int32) {
		return func(_ context.Context, c *kgo.Client, partitions map[string][]int32) {
			if len(partitions[Topic]) == 0 {
				return
			}
			if mine {
				c.PauseFetchPartitions(partitions) // follow reads
			}
			select {
			case <-turns: // what it says is old
			default:
			}
			turns <- mine
		}
	}
	// A member that waits for others to join waits with its client's context, also
	// when it is closed.
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	member, err := s.cfg.Client(
		kgo.WithContext(life), kgo.ConsumerGroup(Group), kgo.ConsumeTopics(Topic), kgo.InstanceID(s.cfg.Instance), kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtEnd()), kgo.SessionTimeout(session), kgo.RebalanceTimeout(session), kgo.HeartbeatInterval(session/5),
		kgo.Balancers(s.view.Balancer(kgo.CooperativeStickyBalancer())),
		kgo.OnPartitionsAssigned(tell(true)), kgo.OnPartitionsRevoked(tell(false)), kgo.OnPartitionsLost(tell(false)),
	)
	if err != nil {
		return fmt.Errorf("consumer group of the nodes: %w", err)
	}
	var polling sync.WaitGroup
	defer func() { // in this order: polling ends with the client
		s.leave(ctx, member)
		end()
		member.Close()
		polling.Wait()
	}()
	polling.Go(func() { s.drain(member) })
	var stop func()
	defer func() {
		if stop != nil {
			stop()
		}
	}()
	moved := false
	for {
		seated := s.seated()
		if !moved && !s.view.Known() {
			// It is back under its name and has what it had, without a rebalance
			// (KIP-345), by which the others would know where. Once: whoever leads
			// the group has it right then.
			moved = true
			member.ForceRebalance()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-seated:
		case mine := <-turns:
			if stop != nil {
				stop()
				stop = nil
			}
			if mine {
				stop = s.start(ctx, member)
			}
		}
	}
}

// drain takes what a member of the group is told: errors, since it reads nothing.
func (s *Service) drain(member *kgo.Client) {
	for {
		fetches := member.PollFetches(context.Background()) // ends with the client
		if fetches.IsClientClosed() {
			return
		}
		fetches.EachError(func(_ string, _ int32, err error) {
			s.cfg.Logger.Warn("the group of the nodes cannot be joined, and is tried again", "group", Group, "error", err)
		})
	}
}

// start writes until stop is called, which waits for it.
func (s *Service) start(ctx context.Context, member *kgo.Client) (stop func()) {
	turn, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for turn.Err() == nil {
			if err := s.write(turn, ctx, member); err != nil && turn.Err() == nil {
				s.cfg.Logger.Warn("what is declared cannot be written, and is tried again", "error", err)
				rest(turn)
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// leave gives the turn to another node at once. Members with an instance's name do
// not leave by closing their client (KIP-345).
func (s *Service) leave(ctx context.Context, member *kgo.Client) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Group = Group
	m := kmsg.NewLeaveGroupRequestMember()
	m.InstanceID = &s.cfg.Instance
	req.Members = append(req.Members, m)
	if _, err := req.RequestWith(ctx, member); err != nil {
		s.cfg.Logger.Debug("the group of the nodes was not told that this one leaves", "error", err)
	}
}

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
	s.reseat()
	defer w.end()
	defer s.writer.Store(nil)
	s.cfg.Logger.Info("this node writes what is declared", "revision", s.State().End-1)
	return w.run(ctx)
}
