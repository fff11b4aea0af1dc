package store

import (
	"errors"
	"io/fs"
)

// boundFile says with which bucket the folder is used, if with any.
const boundFile = "shared"

// Bind keeps what a bucket says of the ledger that the folder is a copy of.
func (s *Store) Bind(text string) error { return s.replaceFile(boundFile, []byte(text)) }

// Bound returns what Bind kept; empty for a folder that is used alone.
func (s *Store) Bound() (string, error) {
	b, err := readFile(s.fs, s.path(boundFile))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return string(b), err
}
