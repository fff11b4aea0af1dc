package state

import (
	"path/filepath"
	"strings"
)

// isVital says whether Pebble would end the process if a file cannot be written: its
// manifest, and the markers that say which manifest counts.
func isVital(name string) bool {
	base := filepath.Base(name)
	return strings.HasPrefix(base, "MANIFEST-") || strings.HasPrefix(base, "marker.")
}

// A vitalFile is a vital file that is written. It gives no errors: when it cannot be
// written, the DB has failed, nothing counts any more that Pebble does, and Pebble, whose
// state in memory would be in pieces otherwise, can be closed.
type vitalFile struct {
	pebbleFile
	db *DB
}

// newVitalFile makes a file of one that was created, or could not be.
func newVitalFile(db *DB, f *pebbleFile, err error) *vitalFile {
	v := &vitalFile{db: db}
	if err != nil {
		_ = db.failed(err) // it is kept
		return v
	}
	v.pebbleFile = *f
	return v
}

// try does something with the file, as long as that makes sense.
func (f *vitalFile) try(do func() error) {
	if f.File == nil || f.db.health.err() != nil {
		return
	}
	if err := do(); err != nil {
		_ = f.db.failed(err) // it is kept
	}
}

func (f *vitalFile) Write(p []byte) (int, error) {
	f.try(func() error {
		_, err := f.pebbleFile.Write(p)
		return err
	})
	return len(p), nil
}

func (f *vitalFile) Sync() error {
	f.try(func() error { return f.File.Sync() })
	return nil
}

func (f *vitalFile) SyncData() error { return f.Sync() }

func (f *vitalFile) Close() error {
	if f.File != nil {
		return f.File.Close()
	}
	return nil
}
