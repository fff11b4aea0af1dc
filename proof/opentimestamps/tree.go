package opentimestamps

import (
	"bytes"
	"slices"
)

// A Tree is what follows from a message: at least one branch.
type Tree []Branch

// A Branch is an attestation of the message, or an operation on it with the tree
// of its result.
type Branch struct {
	Attestation *Attestation // nil in a branch with an operation
	Op          Op
	Argument    []byte // of Append and Prepend, 1 to 4096 bytes
	Then        Tree
}

// Kind says who attests.
type Kind int

// The kinds of attestations.
const (
	Unknown Kind = iota // kept, and passed over
	Pending             // a calendar, which will tell more under the URI
	Bitcoin             // the header of the block with this height
)

// An Attestation says that somebody has seen a message.
type Attestation struct {
	Kind   Kind
	URI    string // of Pending
	Height int64  // of Bitcoin

	Tag     [8]byte // of Unknown
	Payload []byte  // of Unknown, at most 8192 bytes
}

func (a *Attestation) equal(b *Attestation) bool {
	return a.Kind == b.Kind && a.URI == b.URI && a.Height == b.Height && a.Tag == b.Tag && bytes.Equal(a.Payload, b.Payload)
}

// Walk calls visit for each attestation in the tree of a message, with the
// message that it attests. It ends with the first error.
func (t Tree) Walk(message []byte, visit func(message []byte, a *Attestation) error) error {
	for i := range t {
		b := &t[i]
		if b.Attestation != nil {
			if err := visit(message, b.Attestation); err != nil {
				return err
			}
			continue
		}
		result, err := b.Op.apply(message, b.Argument)
		if err != nil {
			return err
		}
		if err := b.Then.Walk(result, visit); err != nil {
			return err
		}
	}
	return nil
}

// Merge adds another tree of the same message to the tree.
func (t *Tree) Merge(other Tree) {
	for _, b := range other {
		i := slices.IndexFunc(*t, b.begins)
		switch {
		case i < 0:
			*t = append(*t, b)
		case b.Attestation == nil:
			(*t)[i].Then.Merge(b.Then)
		}
	}
}

// begins tells whether a branch is the same attestation or the same operation.
func (b *Branch) begins(c Branch) bool {
	if b.Attestation != nil || c.Attestation != nil {
		return b.Attestation != nil && c.Attestation != nil && b.Attestation.equal(c.Attestation)
	}
	return b.Op == c.Op && bytes.Equal(b.Argument, c.Argument)
}

// Graft adds trees at attestations: what find returns for an attestation and
// its message goes beside it. find may return nil.
func (t *Tree) Graft(message []byte, find func(message []byte, a *Attestation) Tree) error {
	for i := range *t {
		b := &(*t)[i]
		if b.Attestation != nil {
			t.Merge(find(message, b.Attestation)) // may move t: b is not used after
			continue
		}
		result, err := b.Op.apply(message, b.Argument)
		if err != nil {
			return err
		}
		if err := b.Then.Graft(result, find); err != nil {
			return err
		}
	}
	return nil
}

// Prune returns the part of the tree that leads to the attestations to keep; nil
// if it has none of them.
func (t Tree) Prune(keep func(*Attestation) bool) Tree {
	var kept Tree
	for _, b := range t {
		if b.Attestation == nil {
			b.Then = b.Then.Prune(keep)
		}
		if b.Then != nil || b.Attestation != nil && keep(b.Attestation) {
			kept = append(kept, b)
		}
	}
	return kept
}
