package process

import (
	"errors"
	"testing"

	"github.com/evidentlog/evident/internal/vfs"
)

func TestWhatWasBegunIsKnownAfterAPowerCut(t *testing.T) {
	disk := vfs.NewMem()
	b, err := openBegun(disk, "/p/1")
	if err != nil {
		t.Fatal(err)
	}
	for _, partition := range []int32{3, 0, 3} {
		if err := b.add("in/0a", partition); err != nil {
			t.Fatal(err)
		}
	}
	if b, err = openBegun(disk.Crash(vfs.KeepNone), "/p/1"); err != nil {
		t.Fatal(err)
	}
	if !b.has("in/0a", 0) || !b.has("in/0a", 3) || b.has("in/0a", 1) || b.has("in/0b", 0) {
		t.Errorf("known is %v", b.mu.partitions)
	}
}

func TestAFileThatCannotBeReadIsSaidAndReplaced(t *testing.T) {
	disk := vfs.NewMem()
	for _, text := range []string{"", "{", `{"v":2,"partitions":{}}`, `{"v":1}`, `{"v":1,"partitions":[]}`} {
		if err := errors.Join(disk.MkdirAll("/p"), vfs.ReplaceSmall(disk, "/p/begun.json", []byte(text), 0)); err != nil {
			t.Fatal(err)
		}
		b, err := openBegun(disk, "/p")
		if !errors.Is(err, errBegun) {
			t.Fatalf("%q is read with %v", text, err)
		}
		if err := b.add("in/0a", 1); err != nil {
			t.Fatal(err)
		}
		if b, err = openBegun(disk, "/p"); err != nil || !b.has("in/0a", 1) {
			t.Errorf("after %q, known is %v, %v", text, b.mu.partitions, err)
		}
	}
}

// Invariants: it ends, and what is read is written the same.
func FuzzWhatWasBegunIsRead(f *testing.F) {
	f.Add([]byte(`{"v":1,"partitions":{"in/00":[0,1]}}`))
	f.Add([]byte(`{"v":1,"partitions":{"":null}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		partitions, err := parseBegun(text)
		if (err == nil) == (partitions == nil) || err != nil && !errors.Is(err, errBegun) {
			t.Errorf("%v, %v", partitions, err)
		}
	})
}
