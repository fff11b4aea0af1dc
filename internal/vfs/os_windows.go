package vfs

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// Sync is FlushFileBuffers, by way of package os.
func (f osFile) Sync() error { return f.File.Sync() }

// setDirect does nothing: the flag cannot be given to a file that is open, and
// aligned transfers work without.
func setDirect(*os.File) error { return nil }

func lockFile(f *os.File) error {
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	err := windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, new(windows.Overlapped))
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return ErrLocked
	}
	return err
}

// syncDir only checks that dir is there: NTFS journals its folders, and offers
// no call to wait for it.
func syncDir(dir string) error {
	_, err := os.Stat(dir)
	return err
}

func spaceOf(dir string) (s Space, err error) {
	path, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return s, err
	}
	err = windows.GetDiskFreeSpaceEx(path, &s.Free, &s.Total, nil)
	return s, err
}
