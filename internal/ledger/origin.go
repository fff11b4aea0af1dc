package ledger

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
)

// ErrOtherDeployment says that a ledger's name is not the one that it had.
var ErrOtherDeployment = errors.New("the ledger is of another deployment")

// Unnamed begins the origins of deployments that nobody has given a name. No
// host can have one that ends in .invalid (RFC 2606).
const Unnamed = "unnamed.invalid/"

// chooseOrigin is what the ledger goes by if it is not told: what it went by
// before, or a name that no other deployment has. The first checkpoint, which
// Open signs, keeps it.
func (l *Ledger) chooseOrigin() error {
	if l.cfg.Origin != "" {
		return nil
	}
	kept, err := l.store.KeptCheckpoint()
	if err != nil {
		return err
	}
	if kept != nil {
		l.cfg.Origin, err = originOf(kept)
		if err != nil {
			return fmt.Errorf("checkpoint in %s: %w", l.cfg.Dir, err)
		}
		return l.cfg.Validate()
	}
	var id [8]byte
	rand.Read(id[:]) // never fails: the program ends if it does
	l.cfg.Origin = Unnamed + hex.EncodeToString(id[:])
	return nil
}
