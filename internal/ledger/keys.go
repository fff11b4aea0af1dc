package ledger

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"filippo.io/mldsa"
	"golang.org/x/mod/sumdb/note"

	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/proof"
)

const (
	keysFile   = "keys"
	keysHeader = "evident ledger keys 1"
	seedSize   = 32 // bytes, of either kind of key
)

// keys are a deployment's private keys.
type keys struct {
	ed25519 ed25519.PrivateKey
	root    []*proof.Signer // of the root log, Ed25519 first
}

// loadKeys reads the keys of a ledger. Only a new ledger gets new ones.
func loadKeys(fsys vfs.FS, dir, origin string, now func() time.Time, isNew bool) (*keys, error) {
	name := dir + "/" + keysFile
	text, err := readSmall(fsys, name)
	if errors.Is(err, fs.ErrNotExist) && isNew {
		text, err = makeKeys(fsys, dir)
	}
	var k *keys
	if err == nil {
		k, err = parseKeys(text, origin, now)
	}
	if err != nil {
		return nil, fmt.Errorf("keys of the ledger in %s: %w; restore the file from a backup: with other keys nobody would believe this ledger", name, err)
	}
	return k, nil
}

// makeKeys writes new keys in one step: a file that is there has keys.
func makeKeys(fsys vfs.FS, dir string) (string, error) {
	var seeds [2][seedSize]byte
	for i := range seeds {
		rand.Read(seeds[i][:]) // never fails: the program ends if it does
	}
	text := fmt.Sprintf("%s\ned25519 %s\nml-dsa-44 %s\n", keysHeader,
		base64.StdEncoding.EncodeToString(seeds[0][:]), base64.StdEncoding.EncodeToString(seeds[1][:]))
	next := dir + "/" + keysFile + ".next"
	f, err := fsys.Open(next, vfs.Write|vfs.Create|vfs.Private)
	if err != nil {
		return "", err
	}
	_, err = f.WriteAt([]byte(text), 0)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return "", err
	}
	if err := fsys.Rename(next, dir+"/"+keysFile); err != nil {
		return "", err
	}
	return text, fsys.SyncDir(dir)
}

func readSmall(fsys vfs.FS, name string) (string, error) {
	f, err := fsys.Open(name, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	size, err := f.Size()
	const most = 1 << 16
	if err != nil {
		return "", err
	}
	if size > most {
		return "", fmt.Errorf("%s has %d bytes, and at most %d are expected", name, size, most)
	}
	b := make([]byte, size)
	_, err = f.ReadAt(b, 0)
	return string(b), err
}

func parseKeys(text, origin string, now func() time.Time) (*keys, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[0] != keysHeader {
		return nil, fmt.Errorf("it is not a file of keys that begins with %q", keysHeader)
	}
	edSeed, err1 := parseSeed(lines[1], "ed25519 ")
	pqSeed, err2 := parseSeed(lines[2], "ml-dsa-44 ")
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	pq, err := mldsa.NewPrivateKey(mldsa.MLDSA44(), pqSeed)
	if err != nil {
		return nil, err
	}
	k := &keys{ed25519: ed25519.NewKeyFromSeed(edSeed)}
	edSigner, err1 := proof.NewEd25519Signer(origin, k.ed25519)
	pqSigner, err2 := proof.NewMLDSA44Signer(origin, pq, now)
	k.root = []*proof.Signer{edSigner, pqSigner}
	return k, errors.Join(err1, err2)
}

func parseSeed(line, label string) ([]byte, error) {
	encoded, ok := strings.CutPrefix(line, label)
	seed, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(seed) != seedSize {
		return nil, fmt.Errorf("no line with %q and %d bytes in base64", strings.TrimSpace(label), seedSize)
	}
	return seed, nil
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

// signTree signs the head of a partition's tree.
func (k *keys) signTree(c proof.Checkpoint) ([]byte, error) {
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
