package log

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evidentlog/evident/internal/vfs"
)

// TestAnyOperationMayFailOnce fails the first operation that changes the disk,
// the second, and so on, each without and with its effect, and goes on: the log
// comes back by itself, and what it acknowledged before and after survives a power
// cut that loses all that was not synced.
func TestAnyOperationMayFailOnce(t *testing.T) {
	total := failRun(t, 1<<30, errDisk)
	stride := max(1, total/60)
	for i, c := range []struct {
		name string
		err  error
	}{{"undone", errDisk}, {"done", vfs.AfterEffect(errDisk)}} {
		t.Run(c.name, func(t *testing.T) {
			for n := 1 + i*stride/2; n <= total; n += stride {
				t.Run(fmt.Sprint(n), func(t *testing.T) { failRun(t, n, c.err) })
			}
		})
	}
}

// failRun runs the workload with a failure of operation n, and returns how many
// operations it took.
func failRun(t *testing.T, n int, err error) (total int) {
	synctest.Test(t, func(t *testing.T) {
		disk := newFaults()
		disk.set(func(op vfs.Op) error {
			if op.N == n && op.Kind.Mutates() {
				return err
			}
			return nil
		})
		w := newWorld(t, disk)
		w.runOn()
		w.waitRepaired()
		total = disk.Mutations()
		disk.heal()
		w.check()
		w.appendEverywhere()
		w.check()
		after := disk.mem.Crash(vfs.KeepNone)
		w.abandon()
		w.reopen(after)
		w.check()
		if err := w.log.Close(); err != nil {
			t.Fatal(err)
		}
	})
	return total
}

// runOn is run for a disk that fails now and then: a step that fails is left, and
// a log that does not open or close is opened again.
func (w *world) runOn() {
	w.t.Helper()
	for _, step := range w.steps() {
		err := step()
		if err == nil {
			continue
		}
		w.t.Log(err)
		if !w.isOpen() {
			w.abandon()
			if err := w.open(); err != nil {
				w.t.Fatal(err)
			}
		}
		w.waitRepaired()
		w.check()
		w.resendLost()
	}
}

// isOpen tells whether all partitions are open in the log.
func (w *world) isOpen() bool {
	if w.log == nil || w.log.isClosed() || w.log.recovered != nil {
		return false
	}
	for _, h := range w.histories {
		if h.p == nil || w.log.Partition(h.id.Topic, 0) != h.p || h.p.gone() != nil {
			return false
		}
	}
	return true
}

func (w *world) waitRepaired() {
	w.t.Helper()
	for range 100 {
		if len(w.log.Stopped()) == 0 {
			return
		}
		time.Sleep(time.Second)
	}
	w.t.Fatalf("not back in service: %v", w.log.Stopped())
}
