package node

import (
	"context"
	"flag"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/internal/vfs/vfstest"
)

var powerCuts = flag.Int("power-cuts", 4, "at how many operations of a node each kind of power cut is tried")

// Whatever a node writes when the power fails, of its log, its ledger or the
// ledger's index: it comes back with the trees that it has shown, and proves what
// it has acknowledged.
func TestAPowerCutTakesNothingBackThatANodeHasShown(t *testing.T) {
	whole := vfs.NewFaulty(vfs.NewMem(), func(vfs.Op) error { return nil })
	synctest.Test(t, func(t *testing.T) {
		if err := newOutsider().use(t.Context(), whole); err != nil {
			t.Fatal(err)
		}
	})
	stride := max(1, whole.Mutations() / *powerCuts)
	for i, cut := range vfstest.Cuts() {
		t.Run(cut.Name, func(t *testing.T) {
			t.Parallel()
			for n := 1 + i*stride/len(vfstest.Cuts()); n <= whole.Mutations(); n += stride {
				t.Run(fmt.Sprint(n), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { cutPower(t, cut.Hook(n), cut.Keep(n)) })
				})
			}
		})
	}
}

// cutPower cuts the power while a node is used, and once more when it has come
// back, which takes all that is not synced by then.
func cutPower(t *testing.T, hook func(vfs.Op) error, keep vfs.Keep) {
	mem, o := vfs.NewMem(), newOutsider()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_ = o.use(ctx, vfs.NewFaulty(mem, func(op vfs.Op) error {
		err := hook(op)
		if err != nil {
			cancel() // a disk that is gone would be waited for
		}
		return err
	}))
	for range 2 {
		mem = mem.Crash(keep)
		if err := o.check(t.Context(), mem); err != nil {
			t.Fatal(err)
		}
		keep = vfs.KeepNone
	}
}
