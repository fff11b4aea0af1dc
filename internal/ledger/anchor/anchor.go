package anchor

import (
	"context"
	"errors"
)

// An Anchor is a place outside where checkpoints are put, such that nobody can
// say later that they were not there. Its methods are called by one goroutine.
type Anchor interface {
	// Kind names the anchor in receipts and proof files, such as "opentimestamps".
	Kind() string
	// Submit puts a checkpoint, a signed note, there, or prepares to: what it
	// returns is kept before Upgrade is called.
	Submit(ctx context.Context, checkpoint string) (Receipt, error)
	// Upgrade goes on with a receipt that is not final, and returns what has
	// become of it. The error is ErrLost if nothing can become of it any more.
	Upgrade(ctx context.Context, checkpoint string, pending Receipt) (Receipt, error)
	// Verify checks, as far as that is possible without the outside, that a
	// complete receipt is for a checkpoint.
	Verify(checkpoint string, receipt []byte) error
}

// ErrLost says that a pending receipt will never be complete.
var ErrLost = errors.New("the receipt is lost")

// State is how far a receipt has come.
type State byte

// The states of a receipt. Their numbers are on disk.
const (
	Pending State = 0 // proves nothing yet
	Usable  State = 1 // proves a time, and may get better
	Final   State = 2
	Lost    State = 3 // given up
)

// A Receipt is what an anchor has given for a checkpoint.
type Receipt struct {
	State State
	Data  []byte // if State is Usable or Final, what package proof's anchors verify
}
