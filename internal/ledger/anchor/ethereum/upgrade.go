package ethereum

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"strings"

	"github.com/evidentlog/evident/internal/ledger/anchor"
	"github.com/evidentlog/evident/proof"
	"github.com/evidentlog/evident/proof/ethereum"
)

// A mined transaction is in a block.
type mined struct {
	Status      quantity `json:"status"`
	BlockHash   data     `json:"blockHash"`
	BlockNumber quantity `json:"blockNumber"`
	GasUsed     quantity `json:"gasUsed"`
	Contract    data     `json:"contractAddress"`
}

// Upgrade sends the transaction if the chain does not have it, and makes the
// receipt once its block has enough others behind it.
func (a *Anchor) Upgrade(ctx context.Context, checkpoint string, pending anchor.Receipt) (anchor.Receipt, error) {
	attempts, err := parseAttempts(pending.Data)
	if err != nil {
		return pending, fmt.Errorf("%w: %w", anchor.ErrLost, err)
	}
	m, err := a.find(ctx, attempts)
	switch {
	case err != nil:
		return pending, err
	case m == nil:
		return a.send(ctx, pending, attempts)
	case m.Status.Sign() == 0:
		return pending, fmt.Errorf("%w: the contract refused the transaction in block %d", anchor.ErrLost, &m.BlockNumber)
	}
	return a.prove(ctx, checkpoint, pending, m)
}

// find returns the attempt that is in a block; nil if none is.
func (a *Anchor) find(ctx context.Context, attempts [][]byte) (*mined, error) {
	for _, raw := range attempts {
		var m *mined
		if err := a.rpc.call(ctx, &m, "eth_getTransactionReceipt", ethereum.Sum(raw).String()); err != nil {
			return nil, err
		}
		if m != nil {
			return m, nil
		}
	}
	return nil, nil
}

// send sends the last attempt, once more, or one with a higher fee if that has
// come to be needed. The latter is kept before it is sent: by the next call.
func (a *Anchor) send(ctx context.Context, pending anchor.Receipt, attempts [][]byte) (anchor.Receipt, error) {
	last := attempts[len(attempts)-1]
	t, err := parseTransaction(last)
	if err != nil {
		return pending, fmt.Errorf("%w: %w", anchor.ErrLost, err)
	}
	var used quantity
	if err := a.rpc.call(ctx, &used, "eth_getTransactionCount", a.cfg.Key.Address().String(), "latest"); err != nil {
		return pending, err
	}
	if used.Uint64() > t.nonce {
		return a.lost(ctx, pending, attempts, t.nonce)
	}
	now, err := a.fee(ctx)
	if err != nil {
		return pending, err
	}
	if t.maxFee.Cmp(now.base) < 0 && len(attempts) < maxAttempts {
		t.maxFee, t.tip = raise(t.maxFee, now.max), raise(t.tip, now.tip)
		if a.cfg.MaxFee == nil || t.maxFee.Cmp(a.cfg.MaxFee) <= 0 {
			pending.Data = appendAttempt(pending.Data, t.sign(a.cfg.Key))
			return pending, nil
		}
	}
	return pending, a.broadcast(ctx, last)
}

// lost tells that the nonce is another's, unless an attempt has just come into a
// block.
func (a *Anchor) lost(ctx context.Context, pending anchor.Receipt, attempts [][]byte, nonce uint64) (anchor.Receipt, error) {
	m, err := a.find(ctx, attempts)
	if m != nil || err != nil {
		return pending, err
	}
	return pending, fmt.Errorf("%w: another transaction of the account has the number %d: does another program use the key?", anchor.ErrLost, nonce)
}

// raise returns what is wanted, and at least an eighth more than was offered:
// nodes refuse to replace a transaction for less.
func raise(offered, wanted *big.Int) *big.Int {
	least := new(big.Int).Rsh(offered, 3)
	least.Add(least.Add(least, offered), big.NewInt(1))
	if wanted.Cmp(least) > 0 {
		return wanted
	}
	return least
}

// broadcast sends a transaction. That the node has it already is no error.
func (a *Anchor) broadcast(ctx context.Context, raw []byte) error {
	var hash data
	err := a.rpc.call(ctx, &hash, "eth_sendRawTransaction", data(raw))
	var refused *rpcError
	if errors.As(err, &refused) && strings.Contains(strings.ToLower(refused.Message), "known") {
		return nil // "already known", "known transaction"
	}
	return err
}

// prove makes the receipt of a transaction in a block that is deep enough. Nodes
// forget the state after some blocks; as long as nothing else was anchored, the
// newest block that is deep enough serves as well, with a later time.
func (a *Anchor) prove(ctx context.Context, checkpoint string, pending anchor.Receipt, m *mined) (anchor.Receipt, error) {
	var newest quantity
	if err := a.rpc.call(ctx, &newest, "eth_blockNumber"); err != nil {
		return pending, err
	}
	at, deep := m.BlockNumber.Uint64(), newest.Uint64()
	if deep < at+a.cfg.Confirmations-1 {
		return pending, nil
	}
	r, err := a.proveAt(ctx, checkpoint, at)
	if later := deep - a.cfg.Confirmations + 1; err != nil && later > at {
		var again error
		if r, again = a.proveAt(ctx, checkpoint, later); again != nil {
			return pending, fmt.Errorf("%w; and later: %w", err, again)
		}
		err = nil
	}
	if err != nil {
		return pending, err
	}
	return anchor.Receipt{State: anchor.Final, Data: r.Bytes()}, nil
}

// proveAt proves the contract's storage after a block, by its number.
func (a *Anchor) proveAt(ctx context.Context, checkpoint string, at uint64) (*ethereum.Receipt, error) {
	var block struct {
		Hash data `json:"hash"`
	}
	if err := a.rpc.call(ctx, &block, "eth_getBlockByNumber", number(at), false); err != nil {
		return nil, err
	}
	if len(block.Hash) != len(ethereum.Hash{}) {
		return nil, fmt.Errorf("the Ethereum node has no block %d", at)
	}
	header, err := a.block(ctx, ethereum.Hash(block.Hash))
	if err != nil {
		return nil, err
	}
	var state struct {
		Account []data `json:"accountProof"`
		Storage []struct {
			Nodes []data `json:"proof"`
		} `json:"storageProof"`
	}
	slot := ethereum.Hash{31: ethereum.DigestSlot}
	if err := a.rpc.call(ctx, &state, "eth_getProof", a.cfg.Contract.String(), []string{slot.String()}, number(at)); err != nil {
		return nil, err
	}
	if len(state.Storage) != 1 {
		return nil, fmt.Errorf("the Ethereum node proves %d slots of one", len(state.Storage))
	}
	r := &ethereum.Receipt{Contract: a.cfg.Contract, Header: header}
	for _, n := range state.Account {
		r.Account = append(r.Account, n)
	}
	for _, n := range state.Storage[0].Nodes {
		r.Storage = append(r.Storage, n)
	}
	digest, err := proof.CheckpointDigest(checkpoint)
	if err == nil {
		_, err = r.Verify(digest)
	}
	return r, err
}
