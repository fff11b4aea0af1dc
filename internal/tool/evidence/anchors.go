package evidence

import (
	"fmt"
	"maps"
	"os"
	"strings"

	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/proof"
	"github.com/evidentlog/evident/proof/ethereum"
	"github.com/evidentlog/evident/proof/opentimestamps"
)

// Blocks are those of chains that the user knows to be part of them: what
// receipts of anchors are checked against.
type Blocks struct {
	// BitcoinHeaders are headers of blocks, HEIGHT:HEX each, or names of files with
	// one on each line.
	BitcoinHeaders []string
	// EthereumBlocks are hashes of blocks.
	EthereumBlocks []string
	// EthereumContract is the address of the contract that must have been used;
	// any if it is empty.
	EthereumContract string
}

// anchors returns what checks receipts. Without blocks it says which one a
// receipt needs.
func (b Blocks) anchors() (map[string]proof.Anchor, error) {
	bitcoin, err := b.bitcoin()
	if err != nil {
		return nil, &tool.UsageError{Err: fmt.Errorf("--bitcoin-header: %w", err)}
	}
	chain, err := b.ethereum()
	if err != nil {
		return nil, &tool.UsageError{Err: err}
	}
	return map[string]proof.Anchor{"opentimestamps": bitcoin, "ethereum": chain}, nil
}

func (b Blocks) bitcoin() (v opentimestamps.Verifier, err error) {
	v.Headers = map[int64]opentimestamps.Header{}
	for _, given := range b.BitcoinHeaders {
		text := given
		if !strings.Contains(given, ":") {
			content, err := os.ReadFile(given)
			if err != nil {
				return v, fmt.Errorf("%.80q is neither HEIGHT:HEX, the header of a block, nor a file with some: %w", given, err)
			}
			text = string(content)
		}
		headers, err := opentimestamps.ParseHeaders(text)
		if err != nil {
			return v, err
		}
		for height, h := range headers {
			if other, again := v.Headers[height]; again && other != h {
				return v, fmt.Errorf("two headers of block %d: %s and %s", height, other.Hash(), h.Hash())
			}
		}
		maps.Copy(v.Headers, headers)
	}
	return v, nil
}

func (b Blocks) ethereum() (v ethereum.Verifier, err error) {
	for _, given := range b.EthereumBlocks {
		hash, err := ethereum.ParseHash(given)
		if err != nil {
			return v, fmt.Errorf("--ethereum-block: %w", err)
		}
		v.Blocks = append(v.Blocks, hash)
	}
	if b.EthereumContract == "" {
		return v, nil
	}
	contract, err := ethereum.ParseAddress(b.EthereumContract)
	if err != nil {
		return v, fmt.Errorf("--ethereum-contract: %w", err)
	}
	v.Contract = &contract
	return v, nil
}
