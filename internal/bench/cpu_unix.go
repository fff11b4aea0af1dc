//go:build unix

package bench

import (
	"context"
	"time"

	"golang.org/x/sys/unix"
)

// OwnCPU reads the CPU time of this process.
func OwnCPU(context.Context) (time.Duration, error) {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0, err
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}
