package provable

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// evictFile throws a file out of the system's cache.
func evictFile(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	// What is not written yet would stay.
	err = errors.Join(f.Sync(), unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED))
	return errors.Join(err, f.Close())
}
