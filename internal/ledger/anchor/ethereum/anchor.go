package ethereum

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"strings"

	"github.com/evidentlog/evident/internal/ledger/anchor"
	"github.com/evidentlog/evident/proof"
	"github.com/evidentlog/evident/proof/ethereum"
	"github.com/evidentlog/evident/proof/ethereum/rlp"
)

// Kind is the anchor's name in proof files.
const Kind = "ethereum"

// DefaultConfirmations is how many blocks a block must have behind it to be
// believed: two epochs of Ethereum, after which it is final, some 13 minutes.
const DefaultConfirmations = 64

// Config says where and how to anchor.
type Config struct {
	URL      string // of a node's JSON-RPC; it may have a key in it, and is not shown
	Contract ethereum.Address
	Key      Key // of the contract's owner
	// Confirmations is how many blocks must follow, 1 at least: DefaultConfirmations if 0.
	Confirmations uint64
	// MaxFee is how much a unit of gas may cost, in wei. No limit if nil.
	MaxFee *big.Int
	// Client is for requests; one without redirects and with a timeout is best.
	Client *http.Client
}

// An Anchor puts checkpoints into a contract.
type Anchor struct {
	cfg Config
	rpc rpc
}

var _ anchor.Anchor = (*Anchor)(nil)

// New returns an anchor. It asks the node nothing yet.
func New(cfg Config) *Anchor {
	if cfg.Confirmations == 0 {
		cfg.Confirmations = DefaultConfirmations
	}
	return &Anchor{cfg, rpc{cfg.URL, cfg.Client}}
}

// Kind implements anchor.Anchor.
func (*Anchor) Kind() string { return Kind }

// Submit makes and signs a transaction. It is Upgrade that sends it, so that
// what is sent has been kept.
func (a *Anchor) Submit(ctx context.Context, checkpoint string) (anchor.Receipt, error) {
	digest, err := proof.CheckpointDigest(checkpoint)
	if err != nil {
		return anchor.Receipt{}, err
	}
	size, err := a.checkContract(ctx, checkpoint)
	if err != nil {
		return anchor.Receipt{}, err
	}
	raw, err := a.prepare(ctx, &a.cfg.Contract, callAnchor(size, digest))
	return anchor.Receipt{Data: appendAttempt(nil, raw)}, err
}

// checkContract asks whether the contract will take the checkpoint, and returns
// its size.
func (a *Anchor) checkContract(ctx context.Context, checkpoint string) (size int64, err error) {
	text, _, _ := strings.Cut(checkpoint, "\n\n")
	c, err := proof.ParseCheckpoint(text + "\n")
	if err != nil {
		return 0, err
	}
	var slot data
	if err := a.rpc.call(ctx, &slot, "eth_getStorageAt", a.cfg.Contract.String(), number(stateSlot), "latest"); err != nil {
		return 0, err
	}
	state, err := parseState(slot)
	switch own := a.cfg.Key.Address(); {
	case err != nil:
		return 0, fmt.Errorf("contract %v: %w", a.cfg.Contract, err)
	case state.owner != own:
		return 0, fmt.Errorf("contract %v: its owner is %v, and the key given is of %v", a.cfg.Contract, state.owner, own)
	case uint64(c.Size) <= state.size:
		return 0, fmt.Errorf("contract %v: it has a checkpoint of size %d and takes larger ones only, and this has %d", a.cfg.Contract, state.size, c.Size)
	}
	return c.Size, nil
}

// prepare makes and signs a transaction.
func (a *Anchor) prepare(ctx context.Context, to *ethereum.Address, input []byte) ([]byte, error) {
	own := a.cfg.Key.Address()
	var chain, nonce, gas quantity
	if err := a.rpc.call(ctx, &chain, "eth_chainId"); err != nil {
		return nil, err
	}
	if err := a.rpc.call(ctx, &nonce, "eth_getTransactionCount", own.String(), "pending"); err != nil {
		return nil, err
	}
	message := map[string]any{"from": own.String(), "data": data(input)}
	if to != nil {
		message["to"] = to.String()
	}
	if err := a.rpc.call(ctx, &gas, "eth_estimateGas", message); err != nil {
		return nil, err
	}
	fee, err := a.fee(ctx)
	if err != nil {
		return nil, err
	}
	t := &transaction{
		chainID: &chain.Int, nonce: nonce.Uint64(), tip: fee.tip, maxFee: fee.max,
		gas: gas.Uint64() + gas.Uint64()/4, to: to, input: input,
	}
	return t.sign(a.cfg.Key), nil
}

// A fee is in wei per gas.
type fee struct{ base, tip, max *big.Int }

// fee returns what a transaction should offer now: enough for the base fee to
// double while it waits.
func (a *Anchor) fee(ctx context.Context) (f fee, err error) {
	var block struct {
		BaseFee *quantity `json:"baseFeePerGas"`
	}
	if err := a.rpc.call(ctx, &block, "eth_getBlockByNumber", "latest", false); err != nil {
		return f, err
	}
	if block.BaseFee == nil {
		return f, errors.New("the chain has no base fee (EIP-1559), which transactions need")
	}
	var tip quantity
	if err := a.rpc.call(ctx, &tip, "eth_maxPriorityFeePerGas"); err != nil {
		return f, err
	}
	f = fee{&block.BaseFee.Int, &tip.Int, new(big.Int)}
	f.max.Add(f.max.Lsh(f.base, 1), f.tip)
	if most := a.cfg.MaxFee; most != nil && f.max.Cmp(most) > 0 {
		if f.base.Cmp(most) > 0 {
			return f, fmt.Errorf("gas costs %d wei, and at most %d were allowed", f.base, most)
		}
		f.max.Set(most)
		f.tip = minimum(f.tip, most)
	}
	return f, nil
}

func minimum(a, b *big.Int) *big.Int {
	if a.Cmp(b) < 0 {
		return a
	}
	return b
}

// Verify implements anchor.Anchor.
func (a *Anchor) Verify(checkpoint string, receipt []byte) error {
	_, err := ethereum.Verifier{Contract: &a.cfg.Contract}.VerifyReceipt(checkpoint, receipt)
	if errors.Is(err, proof.ErrUnchecked) {
		return nil // all but the block's place in the chain
	}
	return err
}

// A pending receipt is the transactions that were signed for a checkpoint, one
// after another in RLP. All have the same nonce, so that one of them at most
// counts; later ones offer more.

func appendAttempt(to, raw []byte) []byte { return rlp.AppendString(to, raw) }

// maxAttempts is how often a transaction is signed again with a higher fee.
const maxAttempts = 32

func parseAttempts(pending []byte) ([][]byte, error) {
	list, err := rlp.Parse(rlp.AppendList(nil, pending))
	if err != nil {
		return nil, err
	}
	items, err := list.Items(1, maxAttempts)
	if err != nil {
		return nil, err
	}
	var attempts [][]byte
	for _, it := range items {
		attempts = append(attempts, slices.Clone(it.Content))
	}
	return attempts, nil
}

// block returns a block's header, by its hash, and its number.
func (a *Anchor) block(ctx context.Context, hash ethereum.Hash) ([]byte, error) {
	var block map[string]json.RawMessage
	if err := a.rpc.call(ctx, &block, "eth_getBlockByHash", hash.String(), false); err != nil {
		return nil, err
	}
	if block == nil {
		return nil, fmt.Errorf("the Ethereum node has no block %v", hash)
	}
	return encodeHeader(block, hash)
}
