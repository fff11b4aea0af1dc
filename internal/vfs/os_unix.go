//go:build linux || darwin || freebsd

package vfs

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// control runs a system call on f's descriptor, again when a signal interrupts
// it. The descriptor cannot be closed, and so reused for another file,
// meanwhile.
func control(f *os.File, call func(fd int) error) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var result error
	if conn.Control(func(fd uintptr) {
		for {
			if result = call(int(fd)); result != unix.EINTR {
				return
			}
		}
	}) != nil {
		return fs.ErrClosed // the only reason there is, under a private name
	}
	return result
}

// lockFile takes an flock(2), which two descriptors cannot share even within
// one process, and which ends with its descriptor.
func lockFile(f *os.File) error {
	err := control(f, func(fd int) error { return unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) })
	if errors.Is(err, unix.EWOULDBLOCK) {
		return ErrLocked
	}
	return err
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close() // of a folder read only: nothing can be lost by it
	return d.Sync()
}

// spaceOf counts as free what an unprivileged process may use.
func spaceOf(dir string) (Space, error) {
	var st unix.Statfs_t
	for {
		if err := unix.Statfs(dir, &st); err == nil {
			// FreeBSD counts down below zero into the blocks kept for root.
			block := uint64(st.Bsize)
			return Space{Free: uint64(max(0, int64(st.Bavail))) * block, Total: uint64(st.Blocks) * block}, nil
		} else if err != unix.EINTR {
			return Space{}, err
		}
	}
}
