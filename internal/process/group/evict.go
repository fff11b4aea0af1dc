package group

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// putOut ends the membership of a node that is gone. If it is not, it joins again:
// its tasks were elsewhere meanwhile, and what it does for them is refused.
func (g *Group) putOut(ctx context.Context, client *kgo.Client, m Member) {
	log := g.cfg.Logger.With("group", g.Name(), "node", m.Instance, "address", m.Address)
	g.mu.Lock()
	r, ok := g.mu.plan.find(m.ID)
	g.mu.Unlock()
	if !ok {
		return
	}
	// First, so that whoever gets its tasks need not wait for its transactions.
	if err := g.fence(ctx, client, r); err != nil {
		log.Warn("the transactions of a node that is gone are not ended yet", "error", err)
	}
	if err := g.leave(ctx, client, "its address refuses connections", m.ID); err != nil {
		log.Warn("a node is gone, and cannot be put out of the group: its tasks wait until the cluster misses it", "error", err)
		return
	}
	log.Info("a node is gone, and others take over its tasks", "tasks", len(m.Tasks))
}

// leave has members leave the group (LeaveGroup, KIP-345).
func (g *Group) leave(ctx context.Context, client *kgo.Client, why string, ids ...string) error {
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Group = g.Name()
	for _, id := range ids {
		m := kmsg.NewLeaveGroupRequestMember()
		m.MemberID, m.Reason = id, &why
		req.Members = append(req.Members, m)
	}
	resp, err := req.RequestWith(ctx, client)
	if err != nil {
		return err
	}
	errs := []error{kerr.ErrorForCode(resp.ErrorCode)}
	for _, m := range resp.Members {
		if err := kerr.ErrorForCode(m.ErrorCode); !errors.Is(err, kerr.UnknownMemberID) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Evict ends what is left of this node in the group from before a restart, so that
// nobody waits for it. It is called before the node joins, with any client.
func (g *Group) Evict(ctx context.Context, client *kgo.Client) error {
	req := kmsg.NewPtrDescribeGroupsRequest()
	req.Groups = []string{g.Name()}
	resp, err := req.RequestWith(ctx, client)
	if err != nil {
		return fmt.Errorf("group %s: %w", g.Name(), err)
	}
	var before []string
	for _, found := range resp.Groups {
		err := kerr.ErrorForCode(found.ErrorCode)
		if err != nil && !errors.Is(err, kerr.GroupIDNotFound) { // KIP-1043
			return fmt.Errorf("group %s: %w", g.Name(), err)
		}
		for _, m := range found.Members {
			if m.ClientID == g.clientID() {
				before = append(before, m.MemberID)
			}
		}
	}
	if len(before) == 0 {
		return nil
	}
	return g.leave(ctx, client, "the node was started again", before...)
}

// fenceGone fences the nodes that have left the group. Those that cannot be fenced
// now are when the group has changed again; until then their transactions time out.
func (g *Group) fenceGone(ctx context.Context, client *kgo.Client) {
	g.mu.Lock()
	gone := maps.Clone(g.mu.gone)
	g.mu.Unlock()
	for _, instance := range slices.Sorted(maps.Keys(gone)) {
		if err := g.fence(ctx, client, gone[instance]); err != nil {
			g.cfg.Logger.Warn("the transactions of a node that is gone are not ended yet", "group", g.Name(), "node", instance, "error", err)
			continue
		}
		g.mu.Lock()
		delete(g.mu.gone, instance)
		g.mu.Unlock()
	}
}

// fencePatience is how long the transactions of one node may take to be ended.
const fencePatience = 2 * time.Second

// fence ends the open transactions of a node's workers and fences these (KIP-98): the
// offsets and records in them wait for nobody then.
func (g *Group) fence(ctx context.Context, client *kgo.Client, r roster) error {
	ctx, cancel := context.WithTimeout(ctx, fencePatience)
	defer cancel()
	failed := make(chan error, r.Workers)
	for w := range r.Workers {
		go func() { failed <- fenceID(ctx, client, TransactionalID(g.cfg.Processor, g.cfg.Version, r.Instance, w)) }()
	}
	var errs []error
	for range r.Workers {
		errs = append(errs, <-failed)
	}
	return errors.Join(errs...)
}

func fenceID(ctx context.Context, client *kgo.Client, id string) error {
	req := kmsg.NewPtrInitProducerIDRequest()
	req.TransactionalID, req.TransactionTimeoutMillis = &id, 60_000
	req.ProducerID, req.ProducerEpoch = -1, -1
	for {
		resp, err := req.RequestWith(ctx, client)
		if err == nil {
			err = kerr.ErrorForCode(resp.ErrorCode)
		}
		if !errors.Is(err, kerr.ConcurrentTransactions) { // it is being ended
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("transactional id %s: %w", id, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
