// Package keyfile keeps the private keys of a ledger or a witness in a file that
// only its owner can read: one Ed25519 key and one ML-DSA-44 key, as seeds. What
// is signed with them is the caller's affair.
package keyfile

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"filippo.io/mldsa"

	"github.com/evidentlog/evident/internal/vfs"
)

const (
	seedSize = 32      // bytes, of either kind of key
	maxFile  = 1 << 16 // bytes
)

// Keys are private keys.
type Keys struct {
	Ed25519 ed25519.PrivateKey
	MLDSA44 *mldsa.PrivateKey
}

// Load reads the keys of a file whose first line is header. If there is no file
// and mayMake, it makes one with new keys, durable when it returns.
func Load(fsys vfs.FS, name, header string, mayMake bool) (Keys, error) {
	b, err := vfs.ReadSmall(fsys, name, maxFile)
	text := string(b)
	if errors.Is(err, fs.ErrNotExist) && mayMake {
		text, err = create(fsys, name, header)
	}
	if err != nil {
		return Keys{}, err
	}
	return parse(text, header)
}

// create writes new keys in one step: a file that is there has keys.
func create(fsys vfs.FS, name, header string) (string, error) {
	var seeds [2][seedSize]byte
	for i := range seeds {
		rand.Read(seeds[i][:]) // never fails: the program ends if it does
	}
	text := fmt.Sprintf("%s\ned25519 %s\nml-dsa-44 %s\n", header,
		base64.StdEncoding.EncodeToString(seeds[0][:]), base64.StdEncoding.EncodeToString(seeds[1][:]))
	return text, vfs.ReplaceSmall(fsys, name, []byte(text), vfs.Private)
}

func parse(text, header string) (Keys, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[0] != header {
		return Keys{}, fmt.Errorf("it is not a file of keys that begins with %q", header)
	}
	edSeed, err1 := parseSeed(lines[1], "ed25519 ")
	pqSeed, err2 := parseSeed(lines[2], "ml-dsa-44 ")
	if err := errors.Join(err1, err2); err != nil {
		return Keys{}, err
	}
	pq, err := mldsa.NewPrivateKey(mldsa.MLDSA44(), pqSeed)
	return Keys{ed25519.NewKeyFromSeed(edSeed), pq}, err
}

func parseSeed(line, label string) ([]byte, error) {
	encoded, ok := strings.CutPrefix(line, label)
	seed, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(seed) != seedSize {
		return nil, fmt.Errorf("no line with %q and %d bytes in base64", strings.TrimSpace(label), seedSize)
	}
	return seed, nil
}
