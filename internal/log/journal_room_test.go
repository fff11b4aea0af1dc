package log

import (
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/evidentlog/evident/internal/vfs"
)

// TestTheJournalLeavesRoomOnASmallDisk: however fast it is filled, a new file
// takes no more than its part of what is free.
func TestTheJournalLeavesRoomOnASmallDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const room = 16 << 20
		disk := newFaults()
		disk.mem.SetLimit(room)
		l := openLog(t, disk, func(c *Config) { c.journalBytes, c.journalLimit = 32<<10, maxLive })
		p := l.partition("a", 0)
		l.start()
		var least atomic.Uint64
		least.Store(room)
		disk.set(func(op vfs.Op) error {
			if op.Kind != vfs.OpWrite {
				return nil
			}
			space, err := disk.mem.Space("data")
			least.Store(min(least.Load(), space.Free)) // one writes at a time, or nearly
			return err
		})
		fill(t, p, 0, 2000, 1000) // 32 KiB, 256 KiB, 2 MiB, and then as much as it may
		if got := least.Load(); got < room/4 {
			t.Errorf("of %d bytes %d were left, after 2 MB of records", room, got)
		}
		disk.heal()
		wantValues(t, values(t, p), 2000)
	})
}

// TestWithoutRoomForAJournalAppendsGoToSegments and that is said once.
func TestWithoutRoomForAJournalAppendsGoToSegments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newFaults()
		disk.mem.SetLimit(100 << 10) // a quarter is less than a file
		l, p := started(t, disk)
		fill(t, p, 0, 20, 50)
		wantValues(t, values(t, p), 20)
		if n := l.logs.count("cannot make a journal file"); n != 1 {
			t.Errorf("it was said %d times that there is no journal", n)
		}
	})
}
