package ledger

import (
	"cmp"
	"crypto/ed25519"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"golang.org/x/mod/sumdb/note"

	"github.com/evidentlog/evident/internal/ledger/keyfile"
	"github.com/evidentlog/evident/proof"
)

const (
	keysFile   = "keys"
	keysHeader = "evident ledger keys 1"
)

// keys are a deployment's private keys.
type keys struct {
	ed25519 ed25519.PrivateKey
	root    []*proof.Signer // of the root log, Ed25519 first
	last    atomic.Pointer[signedTree]
}

// keysFile is where the private keys are.
func (c *Config) keysFile() string { return cmp.Or(c.Keys, c.Dir+"/"+keysFile) }

// loadKeys reads the keys of a ledger. Only a new ledger gets new ones.
func loadKeys(cfg *Config, isNew bool) (*keys, error) {
	name := cfg.keysFile()
	private, err := keyfile.Load(cfg.FS, name, keysHeader, isNew)
	if err != nil {
		return nil, fmt.Errorf("keys of the ledger in %s: %w; restore the file from a backup, or copy it from another node that shares the ledger: with other keys nobody would believe this ledger", name, err)
	}
	edSigner, err1 := proof.NewEd25519Signer(cfg.Origin, private.Ed25519)
	pqSigner, err2 := proof.NewMLDSA44Signer(cfg.Origin, private.MLDSA44, cfg.Now)
	return &keys{ed25519: private.Ed25519, root: []*proof.Signer{edSigner, pqSigner}}, errors.Join(err1, err2)
}

// signRoot signs a checkpoint of the root log.
func (k *keys) signRoot(c proof.Checkpoint) ([]byte, error) {
	var signers []note.Signer
	for _, s := range k.root {
		signers = append(signers, s)
	}
	return note.Sign(&note.Note{Text: c.String()}, signers...)
}

// originOf is whose checkpoint that is, by its own words.
func originOf(signed []byte) (string, error) {
	c, err := bodyOf(signed)
	return c.Origin, err
}

// bodyOf reads a checkpoint without looking at its signatures.
func bodyOf(signed []byte) (proof.Checkpoint, error) {
	text, _, _ := strings.Cut(string(signed), "\n\n")
	return proof.ParseCheckpoint(text + "\n")
}

// openRoot reads a checkpoint that signRoot signed, under any origin.
func (k *keys) openRoot(signed []byte) (proof.Checkpoint, error) {
	c, err := bodyOf(signed)
	if err != nil {
		return c, err
	}
	key, err := k.root[0].Named(c.Origin)
	if err == nil {
		_, err = note.Open(signed, note.VerifierList(key))
	}
	return c, err
}

// A signedTree is the head of a partition's tree with its signature.
type signedTree struct {
	head proof.Checkpoint
	note []byte // never changed
}

// signTree signs the head of a partition's tree, which nobody may change. Proofs
// that are asked for at one time are mostly by one head: the last is remembered.
func (k *keys) signTree(c proof.Checkpoint) ([]byte, error) {
	if last := k.last.Load(); last != nil && last.head == c {
		return last.note, nil
	}
	signed, err := k.signTreeAnew(c)
	if err == nil {
		k.last.Store(&signedTree{c, signed})
	}
	return signed, err
}

func (k *keys) signTreeAnew(c proof.Checkpoint) ([]byte, error) {
	s, err := proof.NewEd25519Signer(c.Origin, k.ed25519)
	if err != nil {
		return nil, err
	}
	return note.Sign(&note.Note{Text: c.String()}, s)
}

// verifiers are the public keys of the root log.
func (k *keys) verifiers() []*proof.Verifier {
	var list []*proof.Verifier
	for _, s := range k.root {
		list = append(list, s.Verifier)
	}
	return list
}
