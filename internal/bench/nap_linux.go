package bench

import (
	"time"

	"golang.org/x/sys/unix"
)

// nap sleeps for d, a fraction of a millisecond or more. The Go runtime wakes
// up to a millisecond late when it waits for the network, which is five
// records at 5,000 a second; the kernel wakes within 0.1 ms.
func nap(d time.Duration) {
	ts := unix.NsecToTimespec(int64(d))
	_ = unix.Nanosleep(&ts, nil) // woken early by a signal: the record goes out early
}
