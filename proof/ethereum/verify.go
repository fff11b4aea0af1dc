package ethereum

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/evidentlog/evident/proof"
	"github.com/evidentlog/evident/proof/ethereum/rlp"
)

// CodeHash is the hash of the contract's code.
const CodeHash = "0x2d302777101df5a742e489554a543699999e3a2ea057a10251ab360aba795da8"

// DigestSlot is where the contract's storage has the newest checkpoint's digest.
const DigestSlot = 1

// A Verifier checks receipts against blocks of a chain. It implements
// proof.Anchor.
type Verifier struct {
	// Blocks are the hashes of blocks that the caller knows to be in the chain.
	Blocks []Hash
	// Contract is where checkpoints must have been anchored, if it is not nil. What
	// is proven about the time is the same in any contract; that the log has one
	// history is so only if all look at the same one.
	Contract *Address
}

var _ proof.Anchor = Verifier{}

// Accuracy is to how much the time of a block is right: it is the beginning of
// its slot, and the block is made some seconds later; one that comes some slots
// late is left out of the chain.
const Accuracy = time.Minute

// VerifyReceipt tells by which block the checkpoint was in a contract. The error
// is proof.ErrUnchecked if nothing is wrong, and the block is none of those that
// the caller knows.
func (v Verifier) VerifyReceipt(checkpoint string, receipt []byte) (proof.Existed, error) {
	digest, err := proof.CheckpointDigest(checkpoint)
	if err != nil {
		return proof.Existed{}, err
	}
	r, err := ParseReceipt(receipt)
	if err != nil {
		return proof.Existed{}, err
	}
	block, err := r.Verify(digest)
	switch {
	case err != nil:
		return proof.Existed{}, err
	case v.Contract != nil && *v.Contract != r.Contract:
		return proof.Existed{}, fmt.Errorf("it was anchored in the contract %v, and not in %v", r.Contract, *v.Contract)
	case !slices.Contains(v.Blocks, block.Hash):
		return proof.Existed{}, fmt.Errorf("%w: it leads to %v, which it says is block %d of an Ethereum chain, and that hash was not given: without it nobody knows that the block is in the chain, and no time is certain by it", proof.ErrUnchecked, block.Hash, block.Number)
	}
	by := fmt.Sprintf("Ethereum block %d, in the contract %v", block.Number, r.Contract)
	return proof.Existed{By: by, Clock: block.Time, Accuracy: Accuracy}, nil
}

// Verify checks that the contract's storage has a digest after the receipt's
// block, and returns the block. That it is part of the chain is not checked.
func (r *Receipt) Verify(digest [32]byte) (Block, error) {
	block, err := ParseHeader(r.Header)
	if err != nil {
		return Block{}, fmt.Errorf("header of the block: %w", err)
	}
	root, err := r.verifyAccount(block.StateRoot)
	if err != nil {
		return Block{}, fmt.Errorf("account of the contract: %w", err)
	}
	var slot Hash
	slot[len(slot)-1] = DigestSlot
	path := Sum(slot[:])
	encoded, err := lookup(root, path[:], r.Storage)
	if err != nil {
		return Block{}, fmt.Errorf("storage of the contract: %w", err)
	}
	value, err := rlp.Parse(encoded)
	if err != nil || value.IsList || len(value.Content) > len(digest) {
		return Block{}, errors.Join(errors.New("storage of the contract: the slot has no digest"), err)
	}
	var found [32]byte
	copy(found[len(found)-len(value.Content):], value.Content)
	if found != digest {
		return Block{}, fmt.Errorf("the contract has %x, and the SHA-256 digest of the checkpoint is %x", found, digest)
	}
	return block, nil
}

// verifyAccount checks the contract's account, and returns its storage's root.
func (r *Receipt) verifyAccount(state Hash) (storage Hash, err error) {
	path := Sum(r.Contract[:])
	encoded, err := lookup(state, path[:], r.Account)
	if err != nil {
		return Hash{}, err
	}
	account, err := rlp.Parse(encoded)
	if err != nil {
		return Hash{}, err
	}
	fields, err := account.Items(4, 4) // nonce, balance, storage root, hash of the code
	if err != nil {
		return Hash{}, err
	}
	root, err1 := fields[2].Bytes(len(Hash{}))
	code, err2 := fields[3].Bytes(len(Hash{}))
	if err := errors.Join(err1, err2); err != nil {
		return Hash{}, err
	}
	if Hash(code).String() != CodeHash {
		return Hash{}, fmt.Errorf("%v has code with the hash %v, which is not that of Evident's contract, %s", r.Contract, Hash(code), CodeHash)
	}
	return Hash(root), nil
}
