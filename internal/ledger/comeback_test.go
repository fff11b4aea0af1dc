package ledger

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/proof"
)

// TestAnyOperationMayFail fails the first operation that changes the disk, the
// second, and so on, without and with its effect, and all that follow for a
// while, as on a disk that is full. The ledger comes back by itself, extends what
// it has signed, and what it signs after that survives a power cut.
func TestAnyOperationMayFail(t *testing.T) {
	full := errors.New("no space left on device")
	total := failRun(t, 1<<30, full)
	stride := max(1, total/40)
	for i, c := range []struct {
		name string
		err  error
	}{{"undone", full}, {"done", vfs.AfterEffect(full)}} {
		t.Run(c.name, func(t *testing.T) {
			for n := 1 + i*stride/2; n <= total; n += stride {
				t.Run(fmt.Sprint(n), func(t *testing.T) { failRun(t, n, c.err) })
			}
		})
	}
}

// failRun lets rounds be made while the disk fails from operation n on for three
// seconds, and returns how many operations there were.
func failRun(t *testing.T, n int, err error) (total int) {
	synctest.Test(t, func(t *testing.T) {
		mem := newDisk(t)
		var fails atomic.Int64 // from which operation on
		fails.Store(1 << 40)
		disk := vfs.NewFaulty(mem, func(op vfs.Op) error {
			if op.Kind.Mutates() && int64(op.N) >= fails.Load() {
				return err
			}
			return nil
		})
		l := start(t, disk)
		begun := disk.Mutations()
		fails.Store(int64(begun + n))
		for i := range 4 {
			for partition := range int32(2) {
				// What cannot be added now is read again from the log later.
				if p, err := l.Open(orders(partition)); err == nil && p.Next() == int64(10*i) {
					_ = offer(t, p, 10)
				}
			}
			time.Sleep(2 * DefaultInterval)
		}
		total = disk.Mutations() - begun
		before := string(l.Checkpoint())
		fails.Store(1 << 40)
		time.Sleep(2 * backMost)
		if err := l.Err(); err != nil {
			t.Fatalf("the disk works again, and the ledger has not come back: %v", err)
		}
		checkExtends(t, n, before, l.Ledger)
		for partition := range int32(2) {
			p := l.partition(partition)
			add(t, p, 10)
			size := p.Next()
			time.Sleep(2 * DefaultInterval)
			if p.Durable() != size {
				t.Errorf("partition %d: %d leaves are durable, want %d", partition, p.Durable(), size)
			}
		}
		signed := string(l.Checkpoint())
		after, err := Open(Config{FS: mem.Crash(vfs.KeepNone), Dir: "/data/ledger", Origin: testOrigin})
		if err != nil {
			t.Fatal(err)
		}
		checkExtends(t, n, signed, after)
		if err := after.Close(); err != nil {
			t.Error(err)
		}
		l.stop()
		<-l.done // whatever it says: its disk has no power
	})
	return total
}

// However many trees there are, what waits for a disk that hangs is bounded.
func TestMemoryOfAllTreesIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var hangs atomic.Bool
		goOn := make(chan struct{})
		disk := vfs.NewFaulty(newDisk(t), func(op vfs.Op) error {
			if hangs.Load() && op.Kind.Mutates() {
				<-goOn
			}
			return nil
		})
		const pending, trees, leaf = 1 << 18, 20, 67
		l, err := Open(Config{FS: disk, Dir: "/data/ledger", Origin: testOrigin, Pending: pending})
		if err != nil {
			t.Fatal(err)
		}
		r := run(t, l)
		hangs.Store(true)
		var adding sync.WaitGroup
		for i := range int32(trees) {
			p := r.partition(i)
			adding.Go(func() {
				for range 20 {
					add(t, p, 500)
				}
			})
		}
		time.Sleep(10 * DefaultInterval)
		synctest.Wait()
		if got, most := l.pending.Load(), int64(pending+trees*500*leaf); got > most || got == 0 {
			t.Errorf("%d bytes wait in memory, want some, and at most %d", got, most)
		}
		hangs.Store(false)
		close(goOn)
		adding.Wait()
		r.end()
		if got := l.pending.Load(); got != 0 {
			t.Errorf("%d bytes wait in memory after the end", got)
		}
	})
}

// Who waits for room in a ledger that stops is let go, and told to open the tree
// again, which goes on where its durable head is.
func TestATreeThatWasStoppedGoesOnWhereItIsDurable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fail atomic.Bool
		disk := vfs.NewFaulty(newDisk(t), func(op vfs.Op) error {
			if fail.Load() && op.Kind == vfs.OpWrite {
				return errors.New("disk on fire")
			}
			return nil
		})
		l := start(t, disk)
		p := l.partition(1)
		add(t, p, 5)
		time.Sleep(5 * DefaultInterval / 2) // not when a round begins
		fail.Store(true)
		add(t, p, 3)
		other := l.partition(2) // a tree that no durable round has
		add(t, other, 3)
		time.Sleep(2 * DefaultInterval)
		if !errors.Is(l.Err(), ErrStopped) || !p.Over() || p.Durable() != 5 || other.Durable() != 0 {
			t.Errorf("%v, over %v, durable %d and %d", l.Err(), p.Over(), p.Durable(), other.Durable())
		}
		if _, err := p.Lost(9, proof.Removed); !errors.Is(err, ErrClosed) {
			t.Errorf("a tree that was stopped took leaves: %v", err)
		}
		if _, err := l.Open(orders(1)); !errors.Is(err, ErrStopped) {
			t.Errorf("opened while the ledger has stopped: %v", err)
		}
		fail.Store(false)
		time.Sleep(2 * backMost)
		if p = l.partition(1); p.Next() != 5 {
			t.Errorf("it goes on at %d, want 5", p.Next())
		}
		if third := l.partition(3); third.Next() != 0 || other.Durable() != 0 {
			t.Errorf("%d, %d", third.Next(), other.Durable())
		}
		l.end()
	})
}

// Whoever still has a tree that was stopped, and closes it, says nothing in the
// root log: the leaves that the tree had in memory are gone.
func TestATreeThatWasStoppedIsNotClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fail atomic.Bool
		disk := vfs.NewFaulty(newDisk(t), func(op vfs.Op) error {
			if fail.Load() && op.Kind == vfs.OpWrite {
				return errors.New("disk on fire")
			}
			return nil
		})
		l := start(t, disk)
		p := l.partition(1)
		add(t, p, 5)
		time.Sleep(5 * DefaultInterval / 2) // not when a round begins
		before := l.Size()
		fail.Store(true)
		add(t, p, 3)
		time.Sleep(2 * DefaultInterval)
		fail.Store(false)
		time.Sleep(2 * backMost)
		p.Close(TopicDeleted)
		time.Sleep(2 * DefaultInterval)
		if h, err := l.Head(p.origin); err != nil || h.Size != 5 || h.Closed || l.Size() != before {
			t.Errorf("the head is %v, closed %v, %v; %d entries were %d", h.Checkpoint, h.Closed, err, l.Size(), before)
		}
		if got := l.pending.Load(); got != 0 {
			t.Errorf("%d bytes wait in memory", got)
		}
		l.end()
	})
}
