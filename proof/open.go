package proof

import (
	"fmt"
	"time"
)

// A SignedCheckpoint is a checkpoint of a root log whose signatures were checked.
type SignedCheckpoint struct {
	Checkpoint
	SignedBy []string  // the log's keys that signed, by algorithm
	SignedAt time.Time // the log's claim, in a signature that has a time; zero if none has
	Existed  []Existed // what witnesses make certain
	Unknown  []string  // signatures that nobody could check
}

// Open checks who signed a checkpoint of a root log, as [File.Verify] does: a
// log key that is trusted, and the policy's quorum if there is a policy.
func (t *Trust) Open(signed string) (*SignedCheckpoint, error) {
	if len(t.logKeys()) == 0 {
		return nil, errNoKeys
	}
	h, err := t.openRoot(signed)
	if err != nil {
		return nil, err
	}
	if h.Root.Size > maxSize {
		return nil, fmt.Errorf("%s has %d entries, and no tree has more than %d", h.Root.Origin, h.Root.Size, int64(maxSize))
	}
	return &SignedCheckpoint{h.Root, h.SignedBy, h.signedAt, h.Existed, h.Unknown}, nil
}

// LogKeys returns the keys of root logs that are trusted: those that were given,
// and those of the policy's logs.
func (t *Trust) LogKeys() []*Verifier { return t.logKeys() }
