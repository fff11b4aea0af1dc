package vfs

import (
	"errors"
	"io/fs"
	"testing"
)

func TestASmallFileIsReplacedInOneStep(t *testing.T) {
	for at := 1; ; at++ {
		mem := NewMem()
		if err := errors.Join(mem.MkdirAll("/d"), mem.SyncDir("/"), ReplaceSmall(mem, "/d/f", []byte("the old one"), Private)); err != nil {
			t.Fatal(err)
		}
		n := 0
		broken := errors.New("broken")
		faulty := NewFaulty(mem, func(op Op) error {
			if n++; n == at {
				return broken
			}
			return nil
		})
		err := ReplaceSmall(faulty, "/d/f", []byte("new"), Private)
		b, readErr := ReadSmall(mem, "/d/f", 100)
		if readErr != nil {
			t.Fatal(readErr)
		}
		if got := string(b); got != "new" && (got != "the old one" || err == nil) {
			t.Errorf("operation %d: %q, %v", at, got, err)
		}
		if n < at {
			return
		}
		if err := ReplaceSmall(mem, "/d/f", []byte("short"), Private); err != nil { // over what was left behind
			t.Fatal(err)
		}
		if b, err := ReadSmall(mem, "/d/f", 100); err != nil || string(b) != "short" {
			t.Errorf("operation %d: then %q, %v", at, b, err)
		}
	}
}

func TestASmallFileHasALimit(t *testing.T) {
	mem := NewMem()
	if err := WriteSmall(mem, "f", make([]byte, 11), 0); err != nil {
		t.Fatal(err)
	}
	var long *SizeError
	if _, err := ReadSmall(mem, "f", 10); !errors.As(err, &long) || err.Error() != "f has 11 bytes, and at most 10 are expected" {
		t.Errorf("got %v", err)
	}
	if b, err := ReadSmall(mem, "f", 11); err != nil || len(b) != 11 {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	if _, err := ReadSmall(mem, "none", 10); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of no file: %v", err)
	}
}
