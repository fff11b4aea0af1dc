package node

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/evidentlog/evident/internal/vfs"
)

// instanceFile is the file in the data folder with the node's own name;
// docs/format/node-name.md describes it.
const instanceFile = "node-name"

var instanceForm = regexp.MustCompile(`^node-[0-9a-f]{16}$`)

// instance is the node's name among others of its cluster, the same after a restart
// if it has a data folder: the cluster then knows at once that it is back, and does
// not wait for it to be missed (KIP-345).
func (n *Node) instance() (string, error) {
	if !n.hasFolder() {
		return newInstance(), nil
	}
	return n.keptInstance()
}

// keptInstance is the name in the data folder, made there if there is none.
func (n *Node) keptInstance() (string, error) {
	name := filepath.Join(n.cfg.Data, instanceFile)
	text, err := readInstance(n.cfg.FS, name)
	if !errors.Is(err, fs.ErrNotExist) {
		return text, err
	}
	text = newInstance()
	return text, writeInstance(n.cfg.FS, name, text)
}

// hasFolder tells whether the node keeps anything on a disk of its own.
func (n *Node) hasFolder() bool {
	return n.cfg.Cluster == nil || *n.cfg.Ledger || len(n.cfg.Processors) > 0
}

func newInstance() string {
	var b [8]byte
	rand.Read(b[:]) // never fails: the program ends if it does
	return "node-" + hex.EncodeToString(b[:])
}

func readInstance(fsys vfs.FS, name string) (string, error) {
	f, err := fsys.Open(name, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return "", err
	}
	b := make([]byte, min(size, 64))
	if _, err := f.ReadAt(b, 0); err != nil && size > 0 {
		return "", err
	}
	text := strings.TrimSpace(string(b))
	if !instanceForm.MatchString(text) {
		return "", fmt.Errorf("%s has %q, and should have node- and 16 hexadecimal digits; remove it, and the next start makes another", name, text)
	}
	return text, nil
}

func writeInstance(fsys vfs.FS, name, text string) error {
	if err := fsys.MkdirAll(filepath.Dir(name)); err != nil {
		return err
	}
	next := name + ".next"
	f, err := fsys.Open(next, vfs.Write|vfs.Create)
	if err != nil {
		return err
	}
	err = f.Truncate(0)
	if err == nil {
		_, err = f.WriteAt([]byte(text+"\n"), 0)
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := fsys.Rename(next, name); err != nil {
		return err
	}
	return fsys.SyncDir(filepath.Dir(name))
}
