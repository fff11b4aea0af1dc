package witness

import (
	"errors"
	"fmt"
	"strings"

	"github.com/evidentlog/evident/proof"
)

// maxName is how long a witness's name and a log's origin may be, in bytes: a
// cosigned message has room for 255 (C2SP tlog-cosignature).
const maxName = 255

// A Log is one that is witnessed.
type Log struct {
	Origin string
	Keys   []*proof.Verifier // any of them must have signed
}

// ParseLogs reads a file of logs: on each line a verifier key, and behind it the
// origin where that is not the key's name. Lines of one origin are keys of one
// log. Empty lines and those that begin with # are passed over.
func ParseLogs(text string) ([]Log, error) {
	var logs []Log
	byOrigin := map[string]int{}
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, origin, err := parseLog(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
		at, known := byOrigin[origin]
		if !known {
			at = len(logs)
			byOrigin[origin] = at
			logs = append(logs, Log{Origin: origin})
		}
		logs[at].Keys = append(logs[at].Keys, key)
	}
	if len(logs) == 0 {
		return nil, errors.New("there is no log in it: write a verifier key on a line of its own")
	}
	return logs, nil
}

func parseLog(line string) (key *proof.Verifier, origin string, err error) {
	vkey, origin, _ := strings.Cut(line, " ")
	if key, err = proof.ParseVerifier(vkey); err != nil {
		return nil, "", err
	}
	if origin = strings.TrimSpace(origin); origin == "" {
		origin = key.Name()
	}
	switch {
	case key.Algorithm() == proof.Ed25519Cosignature:
		return nil, "", fmt.Errorf("key %s: keys of type %#02x are for witnesses", key.Name(), byte(key.Algorithm()))
	case len(origin) > maxName:
		return nil, "", fmt.Errorf("the origin %.40q… has %d bytes, and at most %d can be cosigned", origin, len(origin), maxName)
	}
	return key, origin, nil
}
