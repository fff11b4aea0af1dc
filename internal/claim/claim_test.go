package claim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"testing"

	"github.com/evidentlog/evident/event"
	"github.com/evidentlog/evident/internal/bucket/buckettest"
	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/internal/vfs/vfstest"
)

func large(i int) event.Event {
	return event.Event{ID: fmt.Sprint(i), Source: "/s", Type: "t", Data: bytes.Repeat([]byte{byte(i)}, 5000)}
}

func desk(t *testing.T, fsys vfs.FS) *Desk {
	t.Helper()
	folder, err := OpenFolder(fsys, "/claims")
	if err != nil {
		t.Fatal(err)
	}
	return &Desk{Store: folder, Over: 4096, Base: "/v1/claims/"}
}

// onEach runs a test on each kind of store.
func onEach(t *testing.T, test func(*testing.T, *Desk)) {
	t.Run("folder", func(t *testing.T) { test(t, desk(t, vfs.NewMem())) })
	t.Run("bucket", func(t *testing.T) {
		test(t, &Desk{Store: NewBucket(buckettest.New(t).Bucket(t)), Over: 4096, Base: "/v1/claims/"})
	})
}

func TestLargeDataIsTakenInAndGivenBack(t *testing.T) { onEach(t, largeDataIsTakenInAndGivenBack) }

func largeDataIsTakenInAndGivenBack(t *testing.T, d *Desk) {
	e := large(1)
	for range 2 { // the second finds it there
		checked, err := d.CheckIn(t.Context(), e)
		if err != nil || checked.Data != nil {
			t.Fatalf("%+v, %v", checked, err)
		}
		claim, _, err := checked.Claim()
		if want := "/v1/claims/" + event.DigestOf(e.Data).String()[len("sha256:"):]; err != nil || claim.Ref != want {
			t.Fatalf("%+v, %v", claim, err)
		}
		got, err := d.Redeem(t.Context(), checked)
		if err != nil || !got.Equal(&e) {
			t.Fatalf("%+v, %v", got, err)
		}
	}
}

func TestSmallDataAndThatOfOthersIsLeftAlone(t *testing.T) {
	onEach(t, smallDataAndThatOfOthersIsLeftAlone)
}

func smallDataAndThatOfOthersIsLeftAlone(t *testing.T, d *Desk) {
	small, none, other := large(1), large(2), large(3)
	small.Data, none.Data = small.Data[:4096], nil
	other.SetExtension(event.DataRef, event.String("https://example.com/a"))
	for _, e := range []event.Event{small, none, other} {
		checked, err := d.CheckIn(t.Context(), e)
		if err != nil || !checked.Equal(&e) {
			t.Errorf("%+v, %v", checked, err)
		}
		got, err := d.Redeem(t.Context(), e)
		if err != nil || !got.Equal(&e) {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

func TestWhatTheStoreDoesNotHaveOrHasDamagedIsRefused(t *testing.T) {
	mem := vfs.NewMem()
	d := desk(t, mem)
	checked, err := d.CheckIn(t.Context(), large(1))
	if err != nil {
		t.Fatal(err)
	}
	name := d.Store.(*Folder).name(event.DigestOf(large(1).Data))
	for _, change := range []func(vfs.File) error{
		func(f vfs.File) error { _, err := f.WriteAt([]byte{2}, 4000); return err },
		func(f vfs.File) error { return f.Truncate(1 << 40) },
	} {
		f, err := mem.Open(name, vfs.Write)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(change(f), f.Close()); err != nil {
			t.Fatal(err)
		}
		if got, err := d.Redeem(t.Context(), checked); !errors.Is(err, event.ErrClaim) || got.Data != nil {
			t.Errorf("%+v, %v", got, err)
		}
		if _, err := d.CheckIn(t.Context(), large(1)); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Redeem(t.Context(), checked); err != nil {
			t.Errorf("taken in once more, in the place of what was damaged: %v", err)
		}
	}
	if err := mem.Remove(name); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Redeem(t.Context(), checked); !errors.Is(err, ErrNotFound) {
		t.Errorf("removed: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.CheckIn(ctx, large(2)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// What was taken in is there, whole, after the power went at any moment, and nothing
// unfinished stays.
func TestAPowerCutTakesNothingThatWasTakenIn(t *testing.T) {
	for _, cut := range vfstest.Cuts() {
		for n := 0; ; n++ {
			mem := vfs.NewMem()
			desk(t, mem)
			faulty := vfs.NewFaulty(mem, cut.Hook(n))
			var taken []event.Event
			finished := false
			if folder, err := OpenFolder(faulty, "/claims"); err == nil {
				d := &Desk{Store: folder, Base: "/"}
				for i := range 4 {
					checked, err := d.CheckIn(t.Context(), large(i/2)) // each twice
					if err != nil {
						break
					}
					taken, finished = append(taken, checked), i == 3
				}
			}
			mem = mem.Crash(cut.Keep(n))
			after := desk(t, mem)
			for i, checked := range taken {
				want := large(i / 2)
				if got, err := after.Redeem(t.Context(), checked); err != nil || !got.Equal(&want) {
					t.Fatalf("%s at operation %d: event %d: %v", cut.Name, n, i, err)
				}
			}
			if left, err := mem.ReadDir("/claims/new"); err != nil || len(left) > 0 {
				t.Fatalf("%s at operation %d: %v, %v", cut.Name, n, left, err)
			}
			if finished {
				break
			}
		}
	}
}

// A full disk refuses data, and takes it when there is room.
func TestAFullDiskRefuses(t *testing.T) {
	full := true
	d := desk(t, vfs.NewFaulty(vfs.NewMem(), func(op vfs.Op) error {
		if full && op.Kind == vfs.OpWrite {
			return syscall.ENOSPC
		}
		return nil
	}))
	full = true
	if e, err := d.CheckIn(t.Context(), large(1)); !errors.Is(err, syscall.ENOSPC) || e.Data == nil {
		t.Fatalf("%+v, %v", e, err)
	}
	full = false
	if _, err := d.CheckIn(t.Context(), large(1)); err != nil {
		t.Fatal(err)
	}
}

func TestManyTakeInTheSame(t *testing.T) { onEach(t, manyTakeInTheSame) }

func manyTakeInTheSame(t *testing.T, d *Desk) {
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			e := large(i % 2)
			checked, err := d.CheckIn(t.Context(), e)
			if err != nil {
				t.Error(err)
				return
			}
			if got, err := d.Redeem(t.Context(), checked); err != nil || !got.Equal(&e) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}
