package opentimestamps

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
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

// Accuracy is to how much the time of a Bitcoin block is right: the chain's rules
// let a miner's clock be two hours ahead of the others', and behind them about as
// far as the last hour's blocks are.
const Accuracy = 2 * time.Hour

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
	return proof.Existed{By: fmt.Sprintf("Bitcoin block %d", block.Height), Clock: block.Time, Accuracy: Accuracy}, nil
}

// A Block of Bitcoin commits to what was timestamped.
type Block struct {
	Height int64
	Time   time.Time // as in its header
}

// Verify returns the earliest block that a timestamp leads to. The error is
// proof.ErrUnchecked if it leads to no block with a known header. Attestations
// that are wrong count only if none is right, and none of them is of a block with
// an unknown header: a calendar that lies must not take away what another has given.
func (v Verifier) Verify(f *File) (Block, error) {
	var earliest *Block
	var wrong error
	var blocks []int64 // without a header
	var other error    // another reason why nothing can be said
	err := f.Tree.Walk(f.Digest, func(message []byte, a *Attestation) error {
		h, known := v.Headers[a.Height]
		switch {
		case a.Kind == Pending:
			other = fmt.Errorf("the calendar %s has promised to put it into a Bitcoin block", a.URI)
		case a.Kind != Bitcoin:
			other = cmp.Or(other, fmt.Errorf("it has an attestation of an unknown kind (%x)", a.Tag))
		case !known:
			blocks = append(blocks, a.Height)
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
	case earliest != nil:
		return *earliest, nil
	case wrong == nil:
		return Block{}, fmt.Errorf("%w: %w", proof.ErrUnchecked, lacking(blocks, other))
	case len(blocks) > 0:
		return Block{}, fmt.Errorf("%w: %w; and %w", proof.ErrUnchecked, wrong, lacking(blocks, other))
	}
	return Block{}, wrong
}

// lacking says what a receipt needs. Without a header nobody knows more than that
// a calendar has named a block.
func lacking(blocks []int64, other error) error {
	slices.Sort(blocks)
	blocks = slices.Compact(blocks)
	switch len(blocks) {
	case 0:
		if other == nil {
			return errors.New("it has no attestation")
		}
		return other
	case 1:
		return fmt.Errorf("it names Bitcoin block %d, whose header was not given: without it this is a calendar's word, and no time is certain by it", blocks[0])
	}
	const enough = 4 // there may be as many as a file has bytes
	names := fmt.Sprint(blocks[0])
	for _, height := range blocks[1:min(len(blocks), enough)] {
		names += fmt.Sprintf(" or %d", height)
	}
	return fmt.Errorf("it names Bitcoin block %s, and no header of them was given: without one this is the word of calendars, and no time is certain by it", names)
}
