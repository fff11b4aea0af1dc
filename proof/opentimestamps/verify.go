package opentimestamps

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/evidentlog/evident/proof"
)

// A Verifier checks receipts of OpenTimestamps against headers of Bitcoin
// blocks. It implements proof.Anchor.
type Verifier struct {
	// Headers are blocks that the caller knows to be in the chain, by height.
	Headers map[int64]Header
}

var _ proof.Anchor = Verifier{}

// VerifyReceipt tells by which block the checkpoint existed. The receipt is a
// file for the SHA-256 digest of the checkpoint's text (proof.CheckpointDigest).
// The error is proof.ErrUnchecked if nothing is wrong, and it takes another
// header, or a later version of the receipt, to say more.
func (v Verifier) VerifyReceipt(checkpoint string, receipt []byte) (proof.Existed, error) {
	digest, err := proof.CheckpointDigest(checkpoint)
	if err != nil {
		return proof.Existed{}, err
	}
	f, err := Parse(receipt)
	if err != nil {
		return proof.Existed{}, err
	}
	if f.Hash != SHA256 || !bytes.Equal(f.Digest, digest[:]) {
		return proof.Existed{}, fmt.Errorf("it is for %x, and the SHA-256 digest of the checkpoint is %x", f.Digest, digest)
	}
	block, err := v.Verify(f)
	if err != nil {
		return proof.Existed{}, err
	}
	return proof.Existed{By: fmt.Sprintf("Bitcoin block %d (its time is right to about two hours)", block.Height), At: block.Time}, nil
}

// A Block of Bitcoin commits to what was timestamped.
type Block struct {
	Height int64
	Time   time.Time // as in its header
}

// Verify returns the earliest block that a timestamp leads to. The error is
// proof.ErrUnchecked if it leads to no block with a known header. Attestations
// that are wrong count only if none is right: a calendar that lies must not take
// away what another has given.
func (v Verifier) Verify(f *File) (Block, error) {
	var earliest *Block
	var wrong error
	var missing []error
	err := f.Tree.Walk(f.Digest, func(message []byte, a *Attestation) error {
		h, known := v.Headers[a.Height]
		switch {
		case a.Kind == Pending:
			missing = append(missing, fmt.Errorf("the calendar %s has promised to put it into a Bitcoin block", a.URI))
		case a.Kind != Bitcoin:
			missing = append(missing, fmt.Errorf("it has an attestation of an unknown kind (%x)", a.Tag))
		case !known:
			missing = append(missing, fmt.Errorf("it leads to Bitcoin block %d, whose header was not given", a.Height))
		default:
			if root := h.Root(); !bytes.Equal(message, root[:]) {
				wrong = fmt.Errorf("it leads to %x, and Bitcoin block %d has the root %x: the receipt was altered, or the header is another block's", message, a.Height, root)
			} else if b := (Block{a.Height, h.Time()}); earliest == nil || b.Time.Before(earliest.Time) {
				earliest = &b
			}
		}
		return nil
	})
	switch {
	case err != nil:
		return Block{}, err
	case earliest == nil && wrong != nil:
		return Block{}, wrong
	case earliest == nil:
		return Block{}, fmt.Errorf("%w: %w", proof.ErrUnchecked, first(missing))
	}
	return *earliest, nil
}

// first returns one of the reasons: there may be as many as a file has bytes.
func first(reasons []error) error {
	if len(reasons) == 0 {
		return errors.New("it has no attestation")
	}
	return reasons[0]
}
