package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/evidentlog/evident/internal/ledger"
	"github.com/evidentlog/evident/internal/ledger/witness/client"
)

// askFirst is how long a start waits for witnesses when some of them say that
// they have seen another history; it is one answer's time, 10 s, otherwise.
const askFirst = 30 * time.Second

// askWitnesses asks the witnesses of the ledger's policy, if there is one, what
// they have seen of it, before anything more is signed. A ledger that a quorum of
// them has seen more of, or another, is not to be used; fewer raise the alarm, and
// a witness that does not answer keeps nothing from starting.
func (n *Node) askWitnesses(ctx context.Context, l *ledger.Ledger) (*client.Client, error) {
	if n.cfg.LedgerPolicy == nil {
		return nil, nil
	}
	c, err := client.New(client.Config{
		Log: l, Policy: n.cfg.LedgerPolicy, Await: l.AwaitSize, Interval: n.cfg.WitnessInterval, Logger: n.cfg.Logger, Metrics: n.cfg.Metrics,
	})
	if err != nil {
		return nil, err
	}
	if n.cfg.LedgerStore != "" {
		return c, nil // others go on meanwhile, and this node sees it when it runs
	}
	ctx, cancel := context.WithTimeout(ctx, askFirst)
	defer cancel()
	if err := c.Ask(ctx); err != nil {
		return nil, fmt.Errorf("%w; restore a newer copy of the folder, or take a witness that is wrong out of the policy", err)
	}
	return c, nil
}

// runWitnesses asks witnesses until ctx ends.
func (n *Node) runWitnesses(ctx context.Context, c *client.Client) {
	if c == nil {
		return
	}
	n.servers.Go(func() { c.Run(ctx) })
}

// validateWitnesses checks that there is something to be witnessed.
func (c *Config) validateWitnesses() error {
	switch {
	case c.LedgerPolicy == nil && c.WitnessInterval != 0 && c.WitnessInterval != client.DefaultInterval:
		return fmt.Errorf("a witness interval of %v, and there are no witnesses: set the ledger's policy", c.WitnessInterval)
	case c.WitnessInterval < 0:
		return fmt.Errorf("a witness interval of %v: it must be longer than nothing", c.WitnessInterval)
	case c.LedgerPolicy != nil && c.Ledger != nil && !*c.Ledger:
		return errors.New("there are witnesses, and no ledger that they could cosign: turn it on, or leave the witnesses out")
	}
	return nil
}
