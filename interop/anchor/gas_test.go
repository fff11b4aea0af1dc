package anchor

import (
	"testing"

	ethereumapi "github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/params"

	"github.com/evidentlog/evident/internal/ledger/anchor/ethereum"
)

// selector is that of anchor(uint64,bytes32).
const selector = "a6855208"

func callMsg(from, to common.Address, input []byte) ethereumapi.CallMsg {
	return ethereumapi.CallMsg{From: from, To: &to, Data: input}
}

func TestARepeatedAnchorCostsLittleGas(t *testing.T) {
	for name, rules := range map[string]struct {
		*params.ChainConfig
		most uint64
	}{
		"main chain":    {osaka(), 42_206}, // what a contract with the same rules and a slot more costs
		"rules to come": {params.AllDevChainProtocolChanges, 50_000},
	} {
		c := newChainWith(t, rules.ChainConfig)
		cfg := c.deploy(t)
		a := ethereum.New(cfg)
		var used []uint64
		for _, size := range []int64{1_000_000, 2_000_000, 3_000_000} {
			c.anchored(t, a, checkpoint(t, size))
			used = append(used, c.gasOf(t, cfg))
		}
		t.Logf("%s: %d gas for the first, then %d", name, used[0], used[1:])
		if used[1] > rules.most || used[2] > rules.most {
			t.Errorf("%s: a repeated anchor costs %d gas, and at most %d is expected", name, used[1:], rules.most)
		}
	}
}

// gasOf returns what the newest transaction to the contract cost.
func (c *chain) gasOf(t *testing.T, cfg ethereum.Config) uint64 {
	t.Helper()
	logs, err := c.Client().FilterLogs(t.Context(), ethereumapi.FilterQuery{Addresses: []common.Address{common.Address(cfg.Contract)}})
	if err != nil || len(logs) == 0 {
		t.Fatalf("%d events: %v", len(logs), err)
	}
	receipt, err := c.Client().TransactionReceipt(t.Context(), logs[len(logs)-1].TxHash)
	if err != nil {
		t.Fatal(err)
	}
	return receipt.GasUsed
}
