package node

import (
	"errors"
	"fmt"

	"github.com/evidentlog/evident/internal/bucket"
	"github.com/evidentlog/evident/internal/ledger/follow"
)

// validateShared checks how a ledger is shared with other nodes.
func (c *Config) validateShared() error {
	if c.LedgerStore == "" {
		return nil
	}
	_, err := bucket.ParsePlace(c.LedgerStore)
	switch {
	case err != nil:
		return fmt.Errorf("ledger store: %w", err)
	case c.Cluster == nil:
		return errors.New("a ledger store is for nodes that share a Kafka cluster, and this node has a broker of its own: leave it out, or name the cluster")
	case c.LedgerOrigin == "":
		return errors.New("nodes that share a ledger need its origin, the same for all of them, such as example.com/events")
	}
	return nil
}

// openBucket returns the bucket of a ledger that other nodes write too, nil if
// none does.
func (n *Node) openBucket() (*bucket.Bucket, error) {
	if n.cfg.LedgerStore == "" {
		return nil, nil
	}
	place, err := bucket.ParsePlace(n.cfg.LedgerStore)
	if err != nil {
		return nil, err
	}
	return bucket.New(bucket.Config{Place: place})
}

// joinGroup joins the nodes that share the ledger; group is nil and all partitions
// are this node's if it is alone.
func (n *Node) joinGroup() (group *follow.Group, assigned func(topic string, partition int32) bool, err error) {
	if n.cfg.LedgerStore == "" {
		return nil, nil, nil
	}
	group, err = follow.JoinGroup(n.cfg.LedgerOrigin, n.cfg.Logger, n.engine.Options()...)
	if err != nil {
		return nil, nil, err
	}
	return group, group.Has, nil
}
