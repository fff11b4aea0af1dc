// Package anchoring is the commands that prepare anchors: "evident anchor
// deploy" makes the contract of the Ethereum anchor. Anchoring itself is the
// node's.
package anchoring

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/evidentlog/evident/internal/ledger/anchor"
	"github.com/evidentlog/evident/internal/ledger/anchor/ethereum"
	"github.com/evidentlog/evident/internal/secret"
	"github.com/evidentlog/evident/internal/tool"
)

// Deploy is "evident anchor deploy".
type Deploy struct {
	// URL is of an Ethereum node's JSON-RPC.
	URL string
	// Key is a reference to the private key of the account that is to own the
	// contract.
	Key string
	// Timeout is for the transaction to come into a block.
	Timeout time.Duration
}

// Deployed is what is printed for scripts.
type Deployed struct {
	Contract string `json:"contract"`
	Owner    string `json:"owner"`
}

// Run makes a contract.
func (d Deploy) Run(ctx context.Context, env tool.Env) error {
	if d.URL == "" || d.Key == "" {
		return tool.Usagef("give the URL of an Ethereum node's JSON-RPC with --url, and the key of the account that is to own the contract with --key")
	}
	ref, err := secret.Parse(d.Key)
	if err != nil {
		return &tool.UsageError{Err: fmt.Errorf("--key: %w", err)}
	}
	text, err := ref.Read()
	if err != nil {
		return &tool.UsageError{Err: fmt.Errorf("--key: %w", err)}
	}
	key, err := ethereum.ParseKey(text)
	if err != nil {
		return &tool.UsageError{Err: fmt.Errorf("--key: %w", err)}
	}
	ctx, cancel := context.WithTimeout(ctx, d.Timeout)
	defer cancel()
	contract, err := ethereum.Deploy(ctx, ethereum.Config{URL: d.URL, Key: key, Client: anchor.NewClient()})
	if err != nil {
		return err
	}
	made := Deployed{contract.String(), key.Address().String()}
	return env.Print(made, func(w io.Writer) {
		fmt.Fprintf(w, "made the contract %s, owned by %s: run the node with --anchor-ethereum-contract %[1]s\n", made.Contract, made.Owner)
	})
}
