package anchor

import (
	"fmt"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/eth/ethconfig"
	"github.com/ethereum/go-ethereum/ethclient/simulated"
	"github.com/ethereum/go-ethereum/node"
	"github.com/ethereum/go-ethereum/params"

	"github.com/evidentlog/evident/internal/ledger/anchor/ethereum"
)

// A chain is go-ethereum's simulated backend, which speaks JSON-RPC over HTTP.
type chain struct {
	*simulated.Backend
	url    string
	owner  ethereum.Key
	other  ethereum.Key
	client *http.Client
}

// newChain makes a chain with all rules that go-ethereum knows, also those to
// come.
func newChain(t *testing.T) *chain {
	t.Helper()
	return newChainWith(t, params.AllDevChainProtocolChanges)
}

// osaka are the rules of Ethereum's main chain since the end of 2025.
func osaka() *params.ChainConfig {
	rules := *params.AllDevChainProtocolChanges
	rules.AmsterdamTime, rules.BogotaTime = nil, nil
	return &rules
}

func newChainWith(t *testing.T, rules *params.ChainConfig) *chain {
	t.Helper()
	c := &chain{owner: key(t, "1"), other: key(t, "2"), client: &http.Client{Timeout: time.Minute}}
	alloc := types.GenesisAlloc{}
	for _, k := range []ethereum.Key{c.owner, c.other} {
		alloc[common.Address(k.Address())] = types.Account{Balance: new(big.Int).Lsh(big.NewInt(1), 80)}
	}
	// Accounts of others, so that paths in the trie have several nodes.
	for i := range 1000 {
		alloc[common.BigToAddress(big.NewInt(int64(i+1000)))] = types.Account{Balance: big.NewInt(1)}
	}
	port := freePort(t)
	c.Backend = simulated.NewBackend(alloc, func(n *node.Config, e *ethconfig.Config) {
		e.Genesis.Config = rules
		n.HTTPHost, n.HTTPPort, n.HTTPModules = "127.0.0.1", port, []string{"eth"}
	})
	t.Cleanup(func() { c.Backend.Close() })
	c.url = fmt.Sprintf("http://127.0.0.1:%d", port)
	return c
}

// key makes a key of one hexadecimal digit.
func key(t *testing.T, digit string) ethereum.Key {
	t.Helper()
	k, err := ethereum.ParseKey(strings.Repeat(digit, 64))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// freePort returns a port that nobody listens on.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// mine makes blocks, with what is waiting in the first.
func (c *chain) mine(n int) {
	for range n {
		c.Commit()
	}
}
