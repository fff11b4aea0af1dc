package state

import (
	"errors"

	"github.com/cockroachdb/pebble/v2/objstorage"

	"github.com/evidentlog/evident/internal/vfs"
)

// tableBuffer is how much is written to a file at once.
const tableBuffer = 256 << 10

// A tableFile is a file of Pebble's that a restore writes: with less system calls than
// Pebble's own, which buffers 4 KiB.
type tableFile struct {
	f   vfs.File
	off int64
	buf []byte
}

var _ objstorage.Writable = (*tableFile)(nil)

// Write puts bytes into the buffer, and does not change them.
func (t *tableFile) Write(p []byte) error {
	if len(t.buf)+len(p) > cap(t.buf) {
		if err := t.flush(); err != nil {
			return err
		}
	}
	t.buf = append(t.buf, p...)
	return nil
}

func (t *tableFile) flush() error {
	n, err := t.f.WriteAt(t.buf, t.off)
	t.off += int64(n)
	t.buf = t.buf[:0]
	return err
}

// Finish makes the file durable.
func (t *tableFile) Finish() error {
	err := t.flush()
	if err == nil {
		err = t.f.Sync()
	}
	return errors.Join(err, t.f.Close())
}

// Abort gives the file up.
func (t *tableFile) Abort() {
	_ = t.f.Close() // nobody wants what is in it
}
