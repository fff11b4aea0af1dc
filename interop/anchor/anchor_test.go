package anchor

import (
	"context"
	"crypto/ed25519"
	"errors"
	"flag"
	"math/big"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/evidentlog/evident/internal/ledger/anchor"
	"github.com/evidentlog/evident/internal/ledger/anchor/ethereum"
	"github.com/evidentlog/evident/proof"
	verify "github.com/evidentlog/evident/proof/ethereum"
)

var update = flag.Bool("update", false, "write a receipt into proof/ethereum/testdata")

// depth is how many blocks the tests wait for.
const depth = 3

// checkpoint signs a checkpoint of a root log.
func checkpoint(t *testing.T, size int64) string {
	t.Helper()
	signer, err := proof.NewEd25519Signer("example.com/events", ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	c := proof.Checkpoint{Origin: "example.com/events", Size: size, Root: proof.Hash{1, byte(size)}}
	signed, err := note.Sign(&note.Note{Text: c.String()}, signer)
	if err != nil {
		t.Fatal(err)
	}
	return string(signed)
}

// deploy makes the contract, while blocks are made.
func (c *chain) deploy(t *testing.T) ethereum.Config {
	t.Helper()
	cfg := ethereum.Config{URL: c.url, Key: c.owner, Confirmations: depth, Client: c.client}
	ctx, cancel := context.WithCancel(t.Context())
	var address verify.Address
	var err error
	go func() {
		defer cancel()
		address, err = ethereum.Deploy(t.Context(), cfg)
	}()
	for ctx.Err() == nil {
		c.mine(1)
	}
	if err != nil {
		t.Fatal(err)
	}
	cfg.Contract = address
	return cfg
}

// step calls Upgrade, which must succeed.
func step(t *testing.T, a *ethereum.Anchor, checkpoint string, r anchor.Receipt) anchor.Receipt {
	t.Helper()
	r, err := a.Upgrade(t.Context(), checkpoint, r)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// anchored puts a checkpoint into the contract.
func (c *chain) anchored(t *testing.T, a *ethereum.Anchor, signed string) []byte {
	t.Helper()
	r, err := a.Submit(t.Context(), signed)
	if err != nil {
		t.Fatal(err)
	}
	r = step(t, a, signed, r) // sends
	c.mine(1)
	if r = step(t, a, signed, r); r.State != anchor.Pending {
		t.Fatal("a block with nothing behind it is believed")
	}
	c.mine(depth - 1)
	if r = step(t, a, signed, r); r.State != anchor.Final {
		t.Fatalf("the receipt is in state %d with %d blocks behind it", r.State, depth)
	}
	if err := a.Verify(signed, r.Data); err != nil {
		t.Fatal(err)
	}
	return r.Data
}

// header returns the chain's own header of a receipt's block.
func (c *chain) header(t *testing.T, receipt []byte) *types.Header {
	t.Helper()
	r, err := verify.ParseReceipt(receipt)
	if err != nil {
		t.Fatal(err)
	}
	b, err := verify.ParseHeader(r.Header)
	if err != nil {
		t.Fatal(err)
	}
	h, err := c.Client().HeaderByNumber(t.Context(), new(big.Int).SetUint64(b.Number))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestGrowingCheckpointsAreAnchoredAndVerifiedOffline(t *testing.T) {
	c := newChain(t)
	cfg := c.deploy(t)
	a := ethereum.New(cfg)
	for _, size := range []int64{7, 8, 1 << 40} {
		signed := checkpoint(t, size)
		receipt := c.anchored(t, a, signed)
		h := c.header(t, receipt)
		v := verify.Verifier{Blocks: []verify.Hash{verify.Hash(h.Hash())}, Contract: &cfg.Contract}
		existed, err := v.VerifyReceipt(signed, receipt)
		if err != nil || uint64(existed.Clock.Unix()) != h.Time || !strings.Contains(existed.By, cfg.Contract.String()) {
			t.Errorf("size %d: %v, %v, and the block's time is %d", size, existed, err, h.Time)
		}
		t.Logf("a receipt of %d bytes", len(receipt))
		if *update && size == 8 {
			fixture(t, signed, receipt, h)
		}
	}
}

// fixture writes what proof/ethereum's tests start from.
func fixture(t *testing.T, signed string, receipt []byte, h *types.Header) {
	t.Helper()
	for name, content := range map[string][]byte{
		"checkpoint": []byte(signed), "receipt": receipt, "block": []byte(h.Hash().Hex() + "\n"),
	} {
		if err := os.WriteFile("../../proof/ethereum/testdata/"+name, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAFlippedBitOfAReceiptProvesNothing(t *testing.T) {
	c := newChain(t)
	cfg := c.deploy(t)
	signed := checkpoint(t, 7)
	receipt := c.anchored(t, ethereum.New(cfg), signed)
	v := verify.Verifier{Blocks: []verify.Hash{verify.Hash(c.header(t, receipt).Hash())}, Contract: &cfg.Contract}
	for i := range receipt {
		altered := slices.Clone(receipt)
		altered[i] ^= 1 << (i % 8)
		if existed, err := v.VerifyReceipt(signed, altered); err == nil {
			t.Errorf("with byte %d altered it still proves %v", i, existed)
		}
	}
}

func TestAnotherOwnerAndASmallerSizeAreRefused(t *testing.T) {
	c := newChain(t)
	cfg := c.deploy(t)
	a := ethereum.New(cfg)
	c.anchored(t, a, checkpoint(t, 9))
	for _, size := range []int64{9, 8} {
		if _, err := a.Submit(t.Context(), checkpoint(t, size)); err == nil || !strings.Contains(err.Error(), "takes larger ones only") {
			t.Errorf("size %d: %v", size, err)
		}
	}
	thief := cfg
	thief.Key = c.other
	if _, err := ethereum.New(thief).Submit(t.Context(), checkpoint(t, 10)); err == nil || !strings.Contains(err.Error(), "its owner is "+c.owner.Address().String()) {
		t.Errorf("another's key: %v", err)
	}
}

// What the client refuses, the contract refuses too.
func TestTheContractItselfRefuses(t *testing.T) {
	c := newChain(t)
	cfg := c.deploy(t)
	a := ethereum.New(cfg)
	first, err := a.Submit(t.Context(), checkpoint(t, 9))
	if err != nil {
		t.Fatal(err)
	}
	second, err := a.Submit(t.Context(), checkpoint(t, 9)) // nothing is sent yet: the contract does not know of the first
	if err != nil {
		t.Fatal(err)
	}
	c.anchoredAt(t, a, checkpoint(t, 9), first)
	if _, err := a.Upgrade(t.Context(), checkpoint(t, 9), second); !errors.Is(err, anchor.ErrLost) && err != nil {
		t.Fatal(err)
	}
	for name, call := range map[string]struct {
		from  ethereum.Key
		input string
	}{
		"not grown": {c.owner, "0000000000000000000000000000000000000000000000000000000000000009"},
		"not owner": {c.other, "000000000000000000000000000000000000000000000000000000000000000a"},
	} {
		to := common.Address(cfg.Contract)
		input := append(common.FromHex(selector), common.FromHex(call.input+strings.Repeat("11", 32))...)
		if _, err := c.Client().EstimateGas(t.Context(), callMsg(common.Address(call.from.Address()), to, input)); err == nil || !strings.Contains(err.Error(), "revert") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The same call is taken of the owner with a larger size.
	input := append(common.FromHex(selector), common.FromHex(strings.Repeat("0", 63)+"a"+strings.Repeat("11", 32))...)
	if _, err := c.Client().EstimateGas(t.Context(), callMsg(common.Address(c.owner.Address()), common.Address(cfg.Contract), input)); err != nil {
		t.Error(err)
	}
}

func (c *chain) anchoredAt(t *testing.T, a *ethereum.Anchor, signed string, r anchor.Receipt) {
	t.Helper()
	step(t, a, signed, r)
	c.mine(depth)
	if r = step(t, a, signed, r); r.State != anchor.Final {
		t.Fatalf("state %d", r.State)
	}
}
