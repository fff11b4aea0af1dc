//go:build unix

package seen

import "golang.org/x/sys/unix"

func mapMemory(n int) ([]byte, error) {
	return unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
}

// unmapMemory gives back what mapMemory gave. That cannot fail for memory that is mapped,
// and there would be nothing to do about it.
func unmapMemory(b []byte) { _ = unix.Munmap(b) }
