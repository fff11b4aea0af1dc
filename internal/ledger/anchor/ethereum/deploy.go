package ethereum

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/evidentlog/evident/proof/ethereum"
)

// Deploy makes a contract whose owner is the key's account, waits until it is in
// a block, and returns its address. Contract of the configuration is ignored.
func Deploy(ctx context.Context, cfg Config) (ethereum.Address, error) {
	a := New(cfg)
	code, err := creation()
	if err != nil {
		return ethereum.Address{}, err
	}
	raw, err := a.prepare(ctx, nil, code)
	if err != nil {
		return ethereum.Address{}, err
	}
	if err := a.broadcast(ctx, raw); err != nil {
		return ethereum.Address{}, err
	}
	m, err := a.await(ctx, raw)
	switch {
	case err != nil:
		return ethereum.Address{}, err
	case m.Status.Sign() == 0 || len(m.Contract) != len(ethereum.Address{}):
		return ethereum.Address{}, errors.New("the chain refused to make the contract")
	}
	return ethereum.Address(m.Contract), nil
}

// askAgain is how often a node is asked for a transaction: some times a block.
const askAgain = 500 * time.Millisecond

// await returns a transaction once it is in a block.
func (a *Anchor) await(ctx context.Context, raw []byte) (*mined, error) {
	tick := time.NewTicker(askAgain)
	defer tick.Stop()
	for {
		m, err := a.find(ctx, [][]byte{raw})
		var busy *rpcError // such as a node that has just begun to index transactions
		if m != nil || err != nil && !errors.As(err, &busy) {
			return m, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("transaction %v is in no block yet: %w", ethereum.Sum(raw), ctx.Err())
		case <-tick.C:
		}
	}
}
