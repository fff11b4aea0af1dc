package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/knadh/koanf/v2"

	"github.com/evidentlog/evident/internal/secret"
	"github.com/evidentlog/evident/node"
	"github.com/evidentlog/evident/proof/ethereum"
)

// anchorSettings are where checkpoints of the ledger are anchored.
func anchorSettings() []setting {
	return []setting{
		{"anchor-opentimestamps", calendars, "", "URL", `anchor the ledger in Bitcoin by these calendars of OpenTimestamps; several with commas between them, or "public" for the public ones`},
		{"anchor-ethereum", webAddress, "", "URL", "anchor the ledger on Ethereum by this node's JSON-RPC"},
		{"anchor-ethereum-contract", contractAddress, "", "ADDRESS", "the contract to anchor in, which \"evident anchor deploy\" makes"},
		{"anchor-ethereum-key", reference, "", secretPlaceholder, "where the private key of the contract's owner is: env:NAME or file:PATH"},
		{"anchor-ethereum-max-fee", wholeNumber(1), "", "GWEI", "the most that a unit of gas may cost; dearer blocks are waited out (default: no limit)"},
		{"anchor-interval", someDuration, "", "TIME", "how often the ledger is anchored, if it has grown (default 1h)"},
	}
}

// calendars are URLs with commas between them.
func calendars(text string) (any, error) {
	var all []string
	for item := range strings.SplitSeq(text, ",") {
		item = strings.TrimSpace(item)
		if _, err := webAddress(item); err != nil && item != node.PublicCalendars {
			return nil, errors.New(`"public", or URLs such as "https://calendar.example.org" with commas between them`)
		}
		all = append(all, item)
	}
	return all, nil
}

func contractAddress(text string) (any, error) {
	a, err := ethereum.ParseAddress(text)
	if err != nil {
		return nil, errors.New("an address: 0x and 40 hexadecimal digits, which fit its checksum if they have both cases")
	}
	return a.String(), nil
}

// calendarsOf is nil where nothing is said.
func calendarsOf(k *koanf.Koanf) []string {
	if !k.Exists("anchor-opentimestamps") {
		return nil
	}
	return k.Strings("anchor-opentimestamps")
}

// anchorEthereum is the Ethereum anchor, nil if there is to be none.
func anchorEthereum(k *koanf.Koanf) (*node.AnchorEthereum, error) {
	if !k.Exists("anchor-ethereum") {
		for _, key := range []string{"anchor-ethereum-contract", "anchor-ethereum-key", "anchor-ethereum-max-fee"} {
			if k.Exists(key) {
				return nil, fmt.Errorf("%s does nothing without anchor-ethereum, the URL of a node's JSON-RPC", key)
			}
		}
		return nil, nil
	}
	e := &node.AnchorEthereum{
		URL: k.String("anchor-ethereum"), Contract: k.String("anchor-ethereum-contract"), MaxFee: k.Int("anchor-ethereum-max-fee"),
	}
	if where := k.String("anchor-ethereum-key"); where != "" {
		ref, err := secret.Parse(where)
		if err != nil {
			return nil, err
		}
		e.Key = ref.Read
	}
	return e, nil
}
