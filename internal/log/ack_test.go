package log

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evidentlog/evident/internal/vfs"
)

// TestWrittenIsAcknowledgedBeforeTheSyncAndDurableAfter on both ways to the disk.
func TestWrittenIsAcknowledgedBeforeTheSyncAndDurableAfter(t *testing.T) {
	for _, size := range []int{50, largeBytes} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				disk := newFaults()
				_, p := started(t, disk)
				fill(t, p, 0, 1, 50) // makes the journal
				fill(t, p, 1, 2, largeBytes)
				release := disk.holdSyncs()
				written, durable := make(chan error, 1), make(chan error, 1)
				_, err := p.Append(makeBatch(t, 2, 1, size, nil), AckWritten, func(err error) { written <- err })
				mustDo(t, err)
				_, err = p.Append(makeBatch(t, 3, 1, size, nil), AckDurable, func(err error) { durable <- err })
				mustDo(t, err)
				synctest.Wait()
				if len(written) != 1 || len(durable) != 0 {
					t.Errorf("before the sync %d written and %d durable were acknowledged", len(written), len(durable))
				}
				if p.HighWatermark() != 2 {
					t.Errorf("high watermark %d before the sync", p.HighWatermark())
				}
				release()
				mustDo(t, errors.Join(<-written, <-durable))
				wantValues(t, values(t, p), 4)
			})
		})
	}
}

// TestEveryAppendIsAnsweredOnce, when it is durable.
func TestEveryAppendIsAnsweredOnce(t *testing.T) {
	const appends = 200
	_, p := started(t, vfs.NewMem(), smallSegments)
	var answers [appends]atomic.Int32
	var wg sync.WaitGroup
	for v := range appends {
		wg.Add(1)
		size := 20
		if v%17 == 0 {
			size = largeBytes
		}
		_, err := p.Append(makeBatch(t, v, 1, size, nil), Ack(v%2), func(err error) {
			if err != nil || v%2 == int(AckDurable) && p.HighWatermark() <= int64(v) {
				t.Errorf("append %d is answered with %v at the high watermark %d", v, err, p.HighWatermark())
			}
			answers[v].Add(1)
			wg.Done()
		})
		mustDo(t, err)
	}
	wg.Wait()
	mustDo(t, p.flush())
	for v := range answers {
		if n := answers[v].Load(); n != 1 {
			t.Errorf("append %d was answered %d times", v, n)
		}
	}
}

// TestALoosenedTopicIsAcknowledgedBeforeTheSync, every so many records or after
// flush.ms it is synced, and only then can it be read.
func TestALoosenedTopicIsAcknowledgedBeforeTheSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newFaults()
		l, p := started(t, disk, func(s *Settings) { s.FlushMessages, s.FlushInterval = 4, time.Minute })
		fill(t, p, 0, 3, 50) // acks=all does not wait
		if p.HighWatermark() != 0 || len(values(t, p)) != 0 {
			t.Errorf("high watermark %d before the sync", p.HighWatermark())
		}
		fill(t, p, 3, 4, 50)
		synctest.Wait()
		wantValues(t, values(t, p), 4)
		fill(t, p, 4, 6, 50)
		synctest.Wait()
		wantValues(t, values(t, p), 4)
		time.Sleep(time.Minute + time.Second)
		wantValues(t, values(t, p), 6)
		fill(t, p, 6, 7, 50)

		after := disk.mem.Crash(vfs.KeepNone)
		_ = l.Close()
		_, p = started(t, after)
		wantValues(t, values(t, p), 6)
	})
}

// TestChangingFlushMessages: a topic that is tightened syncs with the next append
// what was left unsynced, and one that is loosened answers those who wait for a
// sync.
func TestChangingFlushMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newFaults()
		l, p := started(t, disk, func(s *Settings) { s.FlushMessages, s.FlushInterval = 1000, time.Hour })
		fill(t, p, 0, 3, 50)
		l.cache.trim(0) // what is not synced stays in memory
		s := p.Settings()
		s.FlushMessages = 1
		p.SetSettings(s)
		fill(t, p, 3, 4, 50)
		wantValues(t, values(t, p), 4)

		release := disk.holdSyncs()
		done := make(chan error, 1)
		for v := 4; v < 6; v++ {
			_, err := p.Append(makeBatch(t, v, 1, 50, nil), AckDurable, func(err error) { done <- err })
			mustDo(t, err)
			synctest.Wait()
		}
		s.FlushMessages = 1000
		p.SetSettings(s)
		release()
		mustDo(t, errors.Join(<-done, <-done))
		wantValues(t, values(t, p), 6)
		after := disk.mem.Crash(vfs.KeepNone)
		_ = l.Close()
		_, p = started(t, after)
		wantValues(t, values(t, p), 6)
	})
}

// watcher counts what it is told.
type watcher struct{ told chan struct{} }

func (w *watcher) Advanced(*Partition) { w.told <- struct{}{} }

func newWatcher() *watcher { return &watcher{make(chan struct{}, 100)} }

func (w *watcher) want(t *testing.T, what string, want bool) {
	t.Helper()
	synctest.Wait()
	if got := len(w.told) > 0; got != want {
		t.Errorf("%s: told %v, want %v", what, got, want)
	}
	for len(w.told) > 0 {
		<-w.told
	}
}

func TestWatchersAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newFaults()
		l, p := started(t, disk)
		w := newWatcher()
		p.Watch(w)
		w.want(t, "watch", false)
		fill(t, p, 0, 1, 50)
		w.want(t, "small append", true)
		fill(t, p, 1, 2, largeBytes)
		w.want(t, "large append", true)
		disk.fail(vfs.OpSync, "", errDisk)
		wantStorageError(t, p, 2, 50)
		w.want(t, "failure", true)
		disk.heal()
		waitRepaired(t, p)
		w.want(t, "repair", true)
		p.Unwatch(w)
		fill(t, p, 2, 3, 50)
		w.want(t, "append after Unwatch", false)
		p.Watch(w)
		mustDo(t, l.DeletePartition(p.ID()))
		w.want(t, "deletion", true)
	})
}

// TestClosedAndDeletedPartitionsSaySo.
func TestClosedAndDeletedPartitionsSaySo(t *testing.T) {
	for _, want := range []error{ErrClosed, ErrDeleted} {
		l, p := started(t, vfs.NewMem())
		fill(t, p, 0, 1, 50)
		if want == ErrClosed {
			l.close()
		} else {
			mustDo(t, l.DeletePartition(p.ID()))
		}
		if _, err := appendSync(p, makeBatch(t, 1, 1, 50, nil)); !errors.Is(err, want) {
			t.Errorf("append: %v, want %v", err, want)
		}
		if _, err := p.Read(0, 100, true); !errors.Is(err, want) {
			t.Errorf("read: %v, want %v", err, want)
		}
		if _, _, _, err := p.OffsetForTime(0); !errors.Is(err, want) {
			t.Errorf("lookup by time: %v, want %v", err, want)
		}
		if err := p.Truncate(0); !errors.Is(err, want) {
			t.Errorf("truncate: %v, want %v", err, want)
		}
		if err := l.DeletePartition(p.ID()); want == ErrDeleted && !errors.Is(err, want) {
			t.Errorf("deleting once more: %v", err)
		}
		if want == ErrDeleted && l.Partition("a", 0) != nil {
			t.Error("the deleted partition is there still")
		}
	}
}
