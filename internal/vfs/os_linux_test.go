package vfs

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestDirectIsDirectWhereThereIsSuch compares with what open(2) says of the
// filesystem.
func TestDirectIsDirectWhereThereIsSuch(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	f, err := OS().Open(name, Create|Exclusive|Direct)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	flags, err := unix.FcntlInt(f.(osFile).Fd(), unix.F_GETFL, 0)
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Open(name, unix.O_RDWR|unix.O_DIRECT|unix.O_CLOEXEC, 0)
	if err == nil {
		err = unix.Close(fd)
	}
	if got, want := flags&unix.O_DIRECT != 0, err == nil; got != want {
		t.Errorf("the handle is direct: %t, the filesystem can: %t", got, want)
	}
}

func TestHandlesAreNotInherited(t *testing.T) {
	f, err := OS().Open(filepath.Join(t.TempDir(), "f"), Create)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	flags, err := unix.FcntlInt(f.(osFile).Fd(), unix.F_GETFD, 0)
	if err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("descriptor flags are %#x, error %v", flags, err)
	}
}

func TestLockErrorSaysWhatToLookAt(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock")
	held, err := OS().Lock(name)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	_, err = OS().Lock(name)
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), name) {
		t.Errorf("Lock fails with %v", err)
	}
}

func TestSpaceIsThatOfTheDisk(t *testing.T) {
	dir := t.TempDir()
	s, err := OS().Space(dir)
	if err != nil {
		t.Fatal(err)
	}
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	if total := st.Blocks * uint64(st.Bsize); s.Total != total || s.Free > total {
		t.Errorf("%d bytes of %d are free, the disk has %d", s.Free, s.Total, total)
	}
}

// TestInterruptedCallIsRetried stands in for signals, which come when they
// like.
func TestInterruptedCallIsRetried(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	calls := 0
	err = control(f, func(int) error {
		if calls++; calls < 3 {
			return unix.EINTR
		}
		return unix.EIO
	})
	if calls != 3 || err != unix.EIO {
		t.Errorf("%d calls, error %v", calls, err)
	}
}
