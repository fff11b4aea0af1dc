package log

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evidentlog/evident/internal/vfs"
)

var errDisk = errors.New("the disk says no")

// waitRepaired waits until the partition is back in service.
func waitRepaired(t *testing.T, p *Partition) {
	t.Helper()
	for range 100 {
		if p.Err() == nil {
			return
		}
		time.Sleep(time.Second)
	}
	t.Fatalf("not back in service: %v", p.Err())
}

// wantStorageError appends the value v and checks that it fails as it should, and
// cannot be read.
func wantStorageError(t *testing.T, p *Partition, v, size int) {
	t.Helper()
	before := p.HighWatermark()
	if _, err := appendSync(p, makeBatch(t, v, 1, size, nil)); !errors.Is(err, ErrStorage) {
		t.Fatalf("append: %v, want a storage error", err)
	}
	if err := p.Err(); !errors.Is(err, ErrStorage) {
		t.Fatalf("the partition says %v, want a storage error", err)
	}
	if got := p.HighWatermark(); got != before {
		t.Fatalf("the high watermark went from %d to %d", before, got)
	}
	wantValues(t, values(t, p), v)
}

// failures are the operations on which a commit depends.
var failures = []struct {
	name string
	kind vfs.OpKind
	text string // in the file's name
	size int    // of the record
}{
	{"write of the journal", vfs.OpWrite, ".journal", 50},
	{"sync of the journal", vfs.OpSync, ".journal", 50},
	{"write of a segment", vfs.OpWrite, ".log", largeBytes},
	{"sync of a segment", vfs.OpSync, ".log", largeBytes},
	{"sync of a segment that is sealed", vfs.OpSync, ".log", 3 * largeBytes},
	{"cutting a sealed segment to size", vfs.OpTruncate, ".log", 3 * largeBytes},
	{"write of a sealed segment's index", vfs.OpWrite, ".timeindex", 3 * largeBytes},
	{"sync of a sealed segment's index", vfs.OpSync, ".index", 3 * largeBytes},
	{"making a segment", vfs.OpCreate, ".log", 3 * largeBytes},
	{"sync of the folder", vfs.OpSyncDir, "a-0", 3 * largeBytes},
}

// TestAPartitionStopsAfterAFailureAndComesBack fails one operation of a commit at
// a time, without effect and after its effect.
func TestAPartitionStopsAfterAFailureAndComesBack(t *testing.T) {
	for _, f := range failures {
		for _, err := range []error{errDisk, vfs.AfterEffect(errDisk)} {
			done := ""
			if err != errDisk {
				done = " after its effect"
			}
			t.Run(f.name+done, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					disk := newFaults()
					l, p := started(t, disk, func(s *Settings) { s.SegmentBytes = 2 * largeBytes })
					fill(t, p, 0, 5, 50)
					disk.fail(f.kind, f.text, err)
					wantStorageError(t, p, 5, f.size)
					time.Sleep(time.Minute)
					if f.text == ".log" && p.Err() == nil {
						t.Error("back in service although the disk still fails")
					}
					disk.heal()
					checkRecovered(t, l, disk, p, 5)
				})
			})
		}
	}
}

// checkRecovered checks that a partition with n records comes back by itself and
// that what is acknowledged then survives a power cut that loses all that was not
// synced.
func checkRecovered(t *testing.T, l *testLog, disk *faults, p *Partition, n int) {
	t.Helper()
	waitRepaired(t, p)
	l.logs.want(t, "partition stopped", "a-0")
	l.logs.want(t, "partition is back in service", "a-0")
	wantValues(t, values(t, p), n)
	fill(t, p, n, n+5, 50)
	fill(t, p, n+5, n+6, largeBytes)
	wantValues(t, values(t, p), n+6)
	after := disk.mem.Crash(vfs.KeepNone)
	_ = l.Close()
	_, p = started(t, after)
	wantValues(t, values(t, p), n+6)
}

// TestAFailedSyncMayHaveLostWhatReadsBack is what Linux does: after a failed fsync
// the bytes still read well, later syncs succeed, and the bytes are gone.
func TestAFailedSyncMayHaveLostWhatReadsBack(t *testing.T) {
	for _, size := range []int{50, largeBytes} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				disk := newFaults()
				l, p := started(t, disk)
				fill(t, p, 0, 5, 50)
				disk.set(func(op vfs.Op) error {
					if op.Kind != vfs.OpSync {
						return nil
					}
					if err := disk.mem.LoseUnsynced(op.Name); err != nil {
						t.Error(err)
					}
					return errDisk
				})
				wantStorageError(t, p, 5, size)
				disk.heal()
				checkRecovered(t, l, disk, p, 5)
			})
		})
	}
}

// TestAFailedJournalSyncStopsAllInTheRound: all partitions of the round fail, and
// all come back; none of the failed records is ever seen again, though they may
// stand in the journal.
func TestAFailedJournalSyncStopsAllInTheRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newFaults()
		l := openLog(t, disk, func(c *Config) { c.journalBytes, c.journalLimit = 1<<20, 0 }) // one file is enough
		parts := make([]*Partition, 20)
		for i := range parts {
			parts[i] = l.partition("a", int32(i))
		}
		other := l.partition("b", 0)
		l.start()
		for _, p := range parts {
			fill(t, p, 0, 3, 50)
		}
		// While one round is held back, the next one gathers.
		held := make(chan struct{})
		var syncs atomic.Int32
		disk.set(func(op vfs.Op) error {
			if op.Kind != vfs.OpSync || !strings.Contains(op.Name, ".journal") {
				return nil
			}
			if syncs.Add(1) == 1 {
				<-held
				return nil
			}
			return vfs.AfterEffect(errDisk)
		})
		answers := make(chan error, len(parts)+1)
		appendTo := func(p *Partition, v int) {
			if _, err := p.Append(makeBatch(t, v, 2, 50, nil), AckDurable, func(err error) { answers <- err }); err != nil {
				t.Error(err)
			}
		}
		appendTo(other, 0)
		synctest.Wait()
		for _, p := range parts {
			appendTo(p, 3)
		}
		close(held)
		if err := <-answers; err != nil {
			t.Errorf("append in the round before: %v", err)
		}
		for range parts {
			if err := <-answers; !errors.Is(err, errDisk) || !errors.Is(err, ErrStorage) {
				t.Errorf("append: %v", err)
			}
		}
		disk.heal()
		for _, p := range parts {
			waitRepaired(t, p)
			// One record of another size at the failed batch's offset: the batch
			// after it would fit behind.
			mustAppend(t, p, makeBatch(t, 3, 2, largeBytes, nil))
		}
		after := disk.mem.Crash(vfs.KeepAll)
		_ = l.Close()
		l = openLog(t, after)
		for i := range parts {
			wantValues(t, values(t, l.partition("a", int32(i))), 5)
		}
	})
}

// TestRolledBackBatchesNeverComeBack: a batch in the journal whose sync failed is
// void, even if larger batches, which do not take the journal, make room for it.
func TestRolledBackBatchesNeverComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newFaults()
		l, p := started(t, disk)
		fill(t, p, 0, 3, 50)
		disk.fail(vfs.OpSync, ".journal", vfs.AfterEffect(errDisk))
		// Three batches in one round, at the offsets 3, 4 and 5.
		three := slices.Concat(makeBatch(t, 103, 1, 50, nil), makeBatch(t, 104, 1, 50, nil), makeBatch(t, 105, 1, 50, nil))
		if _, err := appendSync(p, three); !errors.Is(err, ErrStorage) {
			t.Errorf("append: %v", err)
		}
		disk.heal()
		waitRepaired(t, p)
		mustAppend(t, p, makeBatch(t, 3, 1, largeBytes, nil))
		for _, keep := range []vfs.Keep{vfs.KeepAll, vfs.KeepNone} {
			_, p := started(t, disk.mem.Crash(keep))
			wantValues(t, values(t, p), 4)
		}
		_ = l.Close()
	})
}

// TestAJournalFileThatCannotBeRemovedIsNotRead: later rounds tell that it is not
// needed, after the one that voided what it has is gone.
func TestAJournalFileThatCannotBeRemovedIsNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newFaults()
		l := openLog(t, disk)
		p, other := l.partition("a", 0), l.partition("b", 0)
		l.start()
		fill(t, p, 0, 3, 50)
		disk.set(func(op vfs.Op) error {
			switch {
			case op.Kind == vfs.OpRemove && strings.Contains(op.Name, ".journal"):
				return errDisk
			case op.Kind == vfs.OpSync && strings.Contains(op.Name, "1.journal"):
				return vfs.AfterEffect(errDisk)
			}
			return nil
		})
		two := slices.Concat(makeBatch(t, 103, 1, 50, nil), makeBatch(t, 104, 1, 50, nil))
		if _, err := appendSync(p, two); !errors.Is(err, ErrStorage) {
			t.Errorf("append: %v", err)
		}
		waitRepaired(t, p)
		mustAppend(t, p, makeBatch(t, 3, 1, largeBytes, nil))
		fill(t, other, 0, 200, 50) // several journal files
		l.logs.want(t, "cannot remove a journal file that is no longer needed", "1.journal")
		_, p = started(t, disk.mem.Crash(vfs.KeepAll))
		wantValues(t, values(t, p), 4)
		_ = l.Close()
	})
}

// TestAJournalFileThatCouldNotBeRemovedIsGoneAfterACleanStop: once those are gone
// that say what of it is void, it must not be read.
func TestAJournalFileThatCouldNotBeRemovedIsGoneAfterACleanStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newFaults()
		l, p := started(t, disk)
		disk.fail(vfs.OpRemove, ".journal", errDisk)
		fill(t, p, 0, 20, 50) // more than one journal file
		mustDo(t, p.flush())
		synctest.Wait()
		time.Sleep(2 * flushAge)
		l.logs.want(t, "cannot remove a journal file that is no longer needed", "1.journal")
		mustDo(t, p.Truncate(1))
		disk.heal()
		l.close()
		_, p = started(t, disk)
		mustDo(t, p.Err())
		wantValues(t, values(t, p), 1)
	})
}

// TestAFolderFromBeforeACrashOfTheProcessIsMadeDurable, before the journal that
// has its records goes.
func TestAFolderFromBeforeACrashOfTheProcessIsMadeDurable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newFaults()
		l, p := started(t, disk)
		fill(t, p, 0, 3, 50)
		disk.set(func(op vfs.Op) error {
			if op.Kind == vfs.OpSyncDir && op.Name == "data/topics" {
				return errDisk
			}
			return nil
		})
		if err := p.flush(); !errors.Is(err, errDisk) {
			t.Fatal(err)
		}
		_ = l.Close()
		disk.heal()
		l, p = started(t, disk)
		wantValues(t, values(t, p), 3)
		time.Sleep(2 * flushAge)
		synctest.Wait()
		after := disk.mem.Crash(vfs.KeepNone)
		_ = l.Close()
		_, p = started(t, after)
		mustDo(t, p.Err())
		wantValues(t, values(t, p), 3)
	})
}

// TestAFullDiskRefusesAppendsUntilThereIsRoom also keeps reading.
func TestAFullDiskRefusesAppendsUntilThereIsRoom(t *testing.T) {
	for _, size := range []int{50, 3000, largeBytes} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				disk := newFaults()
				l, p := started(t, disk)
				fill(t, p, 0, 5, 50)
				disk.mem.SetLimit(0)
				n := 5
				for ; n < 1000; n++ { // the journal may have room for a while
					if _, err := appendSync(p, makeBatch(t, n, 1, size, nil)); err != nil {
						if !errors.Is(err, ErrStorage) || !errors.Is(err, syscall.ENOSPC) {
							t.Fatalf("append on a full disk: %v", err)
						}
						break
					}
				}
				if n == 1000 {
					t.Fatal("a disk without space takes everything")
				}
				wantValues(t, values(t, p), n)
				time.Sleep(time.Hour)
				if _, err := appendSync(p, makeBatch(t, n, 1, size, nil)); !errors.Is(err, ErrStorage) {
					t.Fatalf("append on a full disk, an hour later: %v", err)
				}
				wantValues(t, values(t, p), n)
				disk.mem.SetLimit(1 << 30)
				checkRecovered(t, l, disk, p, n)
			})
		})
	}
}

// TestAFullDiskWhileAPartitionIsMade: what was begun is completed later, and the
// partition is not mistaken for another topic's when the log is opened again.
func TestAFullDiskWhileAPartitionIsMade(t *testing.T) {
	for _, text := range []string{partitionMetadata, ".log", "a-0"} {
		t.Run(text, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				disk := newFaults()
				l, p := started(t, disk)
				disk.set(func(op vfs.Op) error {
					if op.Kind == vfs.OpWrite && strings.Contains(op.Name, text) || text == "a-0" && op.Kind == vfs.OpMkdir {
						return syscall.ENOSPC
					}
					return nil
				})
				wantStorageError(t, p, 0, largeBytes)
				disk.heal()
				checkRecovered(t, l, disk, p, 0)
			})
		})
	}
}

// TestCloseAndDeleteOfAStoppedPartition neither hang nor lose what was
// acknowledged.
func TestCloseAndDeleteOfAStoppedPartition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newFaults()
		l := openLog(t, disk)
		a, b := l.partition("a", 0), l.partition("b", 0)
		l.start()
		fill(t, a, 0, 5, 50)
		fill(t, b, 0, 5, 50)
		disk.fail(vfs.OpWrite, ".log", errDisk)
		wantStorageError(t, a, 5, largeBytes)
		wantStorageError(t, b, 5, largeBytes)
		if err := l.DeletePartition(b.ID()); err != nil {
			t.Errorf("delete: %v", err)
		}
		if err := l.Close(); !errors.Is(err, ErrStorage) {
			t.Errorf("Close says %v of a partition that is not in its files", err)
		}
		_, a = started(t, disk.mem.Crash(vfs.KeepNone))
		wantValues(t, values(t, a), 5)
	})
}

// TestAppendsThatWaitForRoomEndWhenThePartitionStops.
func TestAppendsThatWaitForRoomEndWhenThePartitionStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newFaults()
		_, p := started(t, disk)
		release := make(chan struct{})
		disk.set(func(op vfs.Op) error {
			if op.Kind == vfs.OpSync && strings.HasSuffix(op.Name, ".log") {
				<-release
				return errDisk
			}
			return nil
		})
		big := makeBatch(t, 0, 1, 1_000_000, nil)
		const appends = 20 // more than unwrittenLimit takes
		failed := make(chan error, appends)
		for range appends {
			go func() {
				raw := append([]byte(nil), big...)
				if _, err := appendSync(p, raw); !errors.Is(err, ErrStorage) {
					t.Errorf("append: %v", err)
				}
				failed <- nil
			}()
		}
		synctest.Wait()
		if n := len(failed); n > 0 {
			t.Errorf("%d appends have ended before the disk answered", n)
		}
		close(release)
		for range appends {
			<-failed
		}
		disk.heal()
		waitRepaired(t, p)
		wantValues(t, values(t, p), 0)
	})
}
