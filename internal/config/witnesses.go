package config

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/knadh/koanf/v2"

	"github.com/evidentlog/evident/proof"
)

// witnessKeys are verifier keys of witnesses, each with a URL behind it, with
// commas between them.
func witnessKeys(text string) (any, error) {
	var all []string
	for item := range strings.SplitSeq(text, ",") {
		words := strings.Fields(item)
		if len(words) != 2 {
			return nil, errors.New(`a witness's verifier key, a space, and its URL, such as "witness.example/w+1b8fb7c4+BI… https://witness.example/"`)
		}
		if _, err := proof.ParseVerifier(words[0]); err != nil {
			return nil, fmt.Errorf("a witness's verifier key before its URL: %w", err)
		}
		all = append(all, strings.Join(words, " "))
	}
	return all, nil
}

// ledgerPolicy is the policy of a node's ledger: that of a file, or one of which
// all witnesses are needed; nil if there is neither.
func ledgerPolicy(k *koanf.Koanf) (*proof.Policy, error) {
	file, list := k.String("ledger-policy"), k.Strings("witness")
	switch {
	case file != "" && len(list) > 0:
		return nil, errors.New("ledger-policy and witness are both given: write all witnesses into the policy")
	case file != "":
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		p, err := proof.ParsePolicy(string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		return p, nil
	case len(list) > 0:
		return policyOfAll(list)
	}
	return nil, nil
}

func policyOfAll(list []string) (*proof.Policy, error) {
	var text, names strings.Builder
	for i, keyAndURL := range list {
		fmt.Fprintf(&text, "witness w%d %s\n", i+1, keyAndURL)
		fmt.Fprintf(&names, " w%d", i+1)
	}
	p, err := proof.ParsePolicy(text.String() + "group all all" + names.String() + "\nquorum all\n")
	if err != nil {
		return nil, fmt.Errorf("the witnesses given: %w", err)
	}
	return p, nil
}
