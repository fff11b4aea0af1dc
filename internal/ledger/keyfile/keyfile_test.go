package keyfile

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/internal/vfs/vfstest"
)

const header = "evident test keys 1"

// Whatever operation the power fails at, keys that were given out stay the keys.
func TestKeysOutliveAPowerCut(t *testing.T) {
	for n := 1; n <= 5; n++ {
		for _, cut := range vfstest.Cuts() {
			mem := vfs.NewMem()
			before, err := Load(vfs.NewFaulty(mem, cut.Hook(n)), "/keys", header, true)
			after, err2 := Load(mem.Crash(cut.Keep(n)), "/keys", header, true)
			if err2 != nil {
				t.Fatalf("%s at %d: %v", cut.Name, n, err2)
			}
			if err == nil && !before.Ed25519.Equal(after.Ed25519) {
				t.Errorf("%s at %d: the keys are others", cut.Name, n)
			}
		}
	}
}

func TestKeysAreMadeOnlyWhereTheyMay(t *testing.T) {
	mem := vfs.NewMem()
	if _, err := Load(mem, "/keys", header, false); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	made, err := Load(mem, "/keys", header, true)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Load(mem, "/keys", header, false)
	if err != nil || !again.Ed25519.Equal(made.Ed25519) || !again.MLDSA44.Equal(made.MLDSA44) {
		t.Errorf("the keys are others: %v", err)
	}
	if _, err := Load(mem, "/keys", "evident other keys 1", true); err == nil || !strings.Contains(err.Error(), "evident other keys 1") {
		t.Errorf("keys of something else: %v", err)
	}
}
