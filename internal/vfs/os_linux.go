package vfs

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Sync is fdatasync(2): the bytes and the size, but not the times, so that a
// write within the file's size costs no commit of the filesystem's own
// journal.
func (f osFile) Sync() error {
	return pathError("fdatasync", f.Name(), control(f.File, unix.Fdatasync))
}

// setDirect sets O_DIRECT on an open file. Asking open(2) for it instead would,
// where the filesystem refuses, leave the new file behind, and a second try
// with O_EXCL would fail.
func setDirect(f *os.File) error {
	err := control(f, func(fd int) error {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		if err == nil {
			_, err = unix.FcntlInt(uintptr(fd), unix.F_SETFL, flags|unix.O_DIRECT)
		}
		return err
	})
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP) {
		return nil
	}
	return err
}
