package evidence

import (
	"fmt"
	"os"

	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/proof"
)

// readTrust reads verifier keys, each of them one or a file with some, and the
// file of a policy, if there are any.
func readTrust(keys []string, policy string) (t proof.Trust, err error) {
	for _, given := range keys {
		some, err := readKeys(given)
		if err != nil {
			return t, err
		}
		t.Keys = append(t.Keys, some...)
	}
	if policy == "" {
		return t, nil
	}
	text, err := os.ReadFile(policy)
	if err != nil {
		return t, &tool.UsageError{Err: fmt.Errorf("--policy: %w", err)}
	}
	t.Policy, err = proof.ParsePolicy(string(text))
	if err != nil {
		return t, &tool.UsageError{Err: fmt.Errorf("%s: %w", policy, err)}
	}
	return t, nil
}
