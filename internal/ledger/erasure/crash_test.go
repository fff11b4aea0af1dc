package erasure

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/internal/vfs/vfstest"
	"github.com/evidentlog/evident/proof"
)

func newDisk(t *testing.T) *vfs.Mem {
	t.Helper()
	mem := vfs.NewMem()
	if err := errors.Join(mem.MkdirAll("/data"), mem.SyncDir("/")); err != nil {
		t.Fatal(err)
	}
	return mem
}

var meant = Part{Topic: "people", TopicID: topicID, Offsets: []proof.Range{{First: 1, Last: 1}, {First: 4, Last: 5}}}

// workload settles people and erases some. It returns the salts that were there
// and whether the erasure was answered as done.
func (h *house) workload(ctx context.Context) (salts []byte, answered bool) {
	if h.open() != nil || h.settle(3) != nil || h.settle(4) != nil {
		return nil, false
	}
	salts, err := h.ledger.Salts(origin, 0, 7)
	if err != nil {
		return nil, false
	}
	var done Erased
	if h.eraser.erase(ctx, meant, "User:admin", &done) != nil || done.Records != Destroyed {
		return salts, false
	}
	_ = h.settle(1)
	return salts, true
}

// The power goes at each operation that changes the disk, of the ledger and of the
// log. What was answered is done; what was begun is completed after the next
// start; and what was not begun is as it was.
func TestCrashAtEveryWriteCompletesAnErasure(t *testing.T) {
	whole := vfs.NewFaulty(newDisk(t), func(vfs.Op) error { return nil })
	synctest.Test(t, func(t *testing.T) {
		h := &house{fs: whole}
		if _, answered := h.workload(t.Context()); !answered {
			t.Fatal("the workload fails without a fault")
		}
		if err := h.close(); err != nil {
			t.Fatal(err)
		}
	})
	// Neighbouring operations differ in kind; each way of a cut begins elsewhere.
	stride := max(1, whole.Mutations()/8)
	for i, cut := range vfstest.Cuts() {
		t.Run(cut.Name, func(t *testing.T) {
			t.Parallel()
			for n := 1 + i*stride/len(vfstest.Cuts()); n <= whole.Mutations(); n += stride {
				t.Run(fmt.Sprint(n), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { crash(t, cut.Hook(n), cut.Keep(n)) })
				})
			}
		})
	}
}

func crash(t *testing.T, hook func(vfs.Op) error, keep vfs.Keep) {
	mem := newDisk(t)
	ctx, cancel := context.WithCancel(t.Context())
	before := &house{fs: vfs.NewFaulty(mem, func(op vfs.Op) error {
		err := hook(op)
		if err != nil {
			cancel() // a disk that is gone would be waited for
		}
		return err
	})}
	salts, answered := before.workload(ctx)
	_ = before.close()

	disk := &vfstest.Remains{FS: mem.Crash(keep)}
	after := &house{fs: disk}
	if err := after.open(); err != nil {
		t.Fatal(err)
	}
	if err := after.follow(); err != nil {
		t.Fatal(err)
	}
	after.eraser.Resume(t.Context())
	begun := after.ledger.WasErased(origin, 4) != nil
	if answered && !begun {
		t.Fatal("an erasure that was answered is forgotten")
	}
	if left := after.ledger.Unfinished(); len(left) > 0 {
		t.Errorf("not completed: %+v", left)
	}
	after.check(t, disk, begun, salts)
	if err := after.settle(1); err != nil {
		t.Error(err)
	}
	if err := after.close(); err != nil {
		t.Error(err)
	}
}

// check compares what there is with what must be left.
func (h *house) check(t *testing.T, disk *vfstest.Remains, erased bool, salts []byte) {
	t.Helper()
	known := h.known(t)
	for offset := range h.p.HighWatermark() {
		gone := erased && holds(meant.Offsets, offset)
		if gone != (known[offset] == "") || gone != (h.ledger.WasErased(origin, offset) != nil) {
			t.Errorf("offset %d holds %q, and is to be gone: %v", offset, known[offset], gone)
		}
		if !gone {
			continue
		}
		wants := []string{person(offset)}
		if salts != nil {
			wants = append(wants, string(salts[offset*proof.SaltSize:][:proof.SaltSize]))
		}
		for _, want := range wants {
			if where, err := disk.Find("/data", []byte(want)); err != nil || where != "" {
				t.Errorf("%q of offset %d is in %s (%v)", want, offset, where, err)
			}
		}
	}
}
