package turn

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Run is a member of the group until ctx ends, and writes while it has the partition.
func (t *Turn) Run(ctx context.Context) error {
	turns := make(chan bool, 1)
	// A member that waits for others to join waits with its client's context, also
	// when it is closed.
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	member, err := t.cfg.Client(
		kgo.WithContext(life), kgo.ConsumerGroup(t.cfg.Group), kgo.ConsumeTopics(t.cfg.Topic), kgo.InstanceID(t.cfg.Instance), kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtEnd()), kgo.SessionTimeout(session), kgo.RebalanceTimeout(session), kgo.HeartbeatInterval(session/5),
		kgo.Balancers(t.view.Balancer(kgo.CooperativeStickyBalancer())),
		kgo.OnPartitionsAssigned(t.tell(turns, true)), kgo.OnPartitionsRevoked(t.tell(turns, false)), kgo.OnPartitionsLost(t.tell(turns, false)),
	)
	if err != nil {
		return fmt.Errorf("consumer group of the nodes: %w", err)
	}
	var polling sync.WaitGroup
	defer func() { // in this order: polling ends with the client
		t.leave(ctx, member)
		end()
		member.Close()
		polling.Wait()
	}()
	polling.Go(func() { t.drain(member) })
	t.follow(ctx, member, turns)
	return nil
}

// tell says, in turns, whether the turn is this node's from now on.
func (t *Turn) tell(turns chan bool, mine bool) func(context.Context, *kgo.Client, map[string][]int32) {
	return func(_ context.Context, c *kgo.Client, partitions map[string][]int32) {
		if len(partitions[t.cfg.Topic]) == 0 {
			return
		}
		if mine {
			c.PauseFetchPartitions(partitions) // others read
		}
		select {
		case <-turns: // what it says is old
		default:
		}
		turns <- mine
	}
}

// follow writes while it is this node's turn, until ctx ends.
func (t *Turn) follow(ctx context.Context, member *kgo.Client, turns <-chan bool) {
	var stop func()
	defer func() {
		if stop != nil {
			stop()
		}
	}()
	moved := false
	for {
		seated := t.Changed()
		if !moved && !t.view.Known() {
			// It is back under its name and has what it had, without a rebalance
			// (KIP-345), by which the others would know where. Once: whoever leads
			// the group has it right then.
			moved = true
			member.ForceRebalance()
		}
		select {
		case <-ctx.Done():
			return
		case <-seated:
		case mine := <-turns:
			if stop != nil {
				stop()
				stop = nil
			}
			if mine {
				stop = t.start(ctx, member)
			}
		}
	}
}

// drain takes what a member of the group is told: errors, since it reads nothing.
func (t *Turn) drain(member *kgo.Client) {
	for {
		fetches := member.PollFetches(context.Background()) // ends with the client
		if fetches.IsClientClosed() {
			return
		}
		fetches.EachError(func(_ string, _ int32, err error) {
			t.cfg.Logger.Warn("the group of the nodes cannot be joined, and is tried again", "group", t.cfg.Group, "error", err)
		})
	}
}

// start writes until stop is called, which waits for it.
func (t *Turn) start(ctx context.Context, member *kgo.Client) (stop func()) {
	turn, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for turn.Err() == nil {
			if err := t.cfg.Write(turn, ctx, member); err != nil && turn.Err() == nil {
				t.cfg.Logger.Warn(t.cfg.What+" cannot be written, and is tried again", "error", err)
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
func (t *Turn) leave(ctx context.Context, member *kgo.Client) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Group = t.cfg.Group
	m := kmsg.NewLeaveGroupRequestMember()
	m.InstanceID = &t.cfg.Instance
	req.Members = append(req.Members, m)
	if _, err := req.RequestWith(ctx, member); err != nil {
		t.cfg.Logger.Debug("the group of the nodes was not told that this one leaves", "error", err)
	}
}
