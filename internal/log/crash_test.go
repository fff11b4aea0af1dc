package log

import (
	"fmt"
	"testing"
	"time"

	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/internal/vfs/vfstest"
)

// TestCrashAtEveryWriteKeepsWhatWasAcknowledged cuts the power at the first
// operation that changes the disk, the second, and so on, each with and without
// the operation's effect and with none, all or some of what had not been synced.
func TestCrashAtEveryWriteKeepsWhatWasAcknowledged(t *testing.T) {
	total := crashRun(t, func(int) func(vfs.Op) error { return func(vfs.Op) error { return nil } }, 1<<30, vfs.KeepAll)
	// Neighbouring operations differ in kind, so a stride that shares no factor
	// with the workload's rounds meets all of them.
	stride := max(1, total/60)
	for i, v := range vfstest.Cuts() {
		t.Run(v.Name, func(t *testing.T) {
			for n := 1 + i*stride/len(vfstest.Cuts()); n <= total+stride; n += stride {
				t.Run(fmt.Sprint(n), func(t *testing.T) { crashRun(t, v.Hook, n, v.Keep(n)) })
			}
		})
	}
}

// crashRun runs the workload up to a power cut at operation n, checks what is
// left, appends to it, and checks that once more after another power cut. It
// returns how many operations the workload took.
func crashRun(t *testing.T, hook func(int) func(vfs.Op) error, n int, keep vfs.Keep) int {
	mem := vfs.NewMem()
	disk := vfs.NewFaulty(mem, hook(n))
	w := newWorld(t, disk)
	w.run()
	w.abandon()

	w.reopen(mem.Crash(keep))
	w.check()
	w.appendEverywhere()
	w.check()
	after := w.disk.(*vfs.Mem).Crash(vfs.KeepNone)
	w.abandon()

	w.reopen(after)
	w.check()
	if err := w.log.Close(); err != nil {
		t.Fatal(err)
	}
	return disk.Mutations()
}

// run is the workload: all that changes a data folder, on partitions of all
// kinds. It ends early when the power goes.
func (w *world) run() {
	for _, step := range w.steps() {
		if err := step(); err != nil {
			return
		}
	}
}

func (w *world) steps() []func() error {
	return []func() error{
		w.open, w.appendSmall, w.appendLarge, w.checkpoint, w.appendSmall,
		w.compact, w.retain, w.appendSmall, w.truncate, w.deleteRecords, w.appendSmall,
		w.restart, w.appendSmall, w.appendLarge, w.truncate, w.recreate, w.deleteAll,
		w.appendSmall, w.compact, w.checkpoint, w.retain, w.appendLarge, w.deleteRecords, w.restart,
	}
}

func (w *world) open() error {
	cfg := testConfig(w.t, w.disk)
	cfg.journalBytes, cfg.journalLimit, cfg.directBytes, cfg.youngBytes = 32<<10, 1<<20, largeBytes, 300
	cfg.Now = func() time.Time { return w.now }
	var err error
	if w.log, err = Open(cfg); err != nil {
		return err
	}
	log := w.log
	w.t.Cleanup(func() { _ = log.Close() })
	for _, h := range w.histories {
		if h.p, err = w.log.OpenPartition(h.id, h.settings); err != nil {
			return err
		}
		if err := h.p.Err(); err != nil {
			w.t.Errorf("%s: %v", h.id.Topic, err)
		}
	}
	return w.log.Start(w.t.Context())
}
