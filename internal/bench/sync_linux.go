package bench

import (
	"os"

	"golang.org/x/sys/unix"
)

// syncData makes a file's bytes and its size survive a power cut: fdatasync,
// which is what the log itself asks of the disk.
func syncData(f *os.File) error {
	if err := unix.Fdatasync(int(f.Fd())); err != nil {
		return &os.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
	}
	return nil
}
