package timer_test

import (
	"syscall"
	"testing"
	"time"
)

// cpu is the CPU time that this process has used, Pebble's own goroutines included.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
