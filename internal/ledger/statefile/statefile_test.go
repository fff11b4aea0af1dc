package statefile

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/internal/vfs/vfstest"
)

const header = "evident test state 1"

func disk(t *testing.T) *vfs.Mem {
	t.Helper()
	mem := vfs.NewMem()
	if err := errors.Join(mem.MkdirAll("/d"), mem.SyncDir("/")); err != nil {
		t.Fatal(err)
	}
	return mem
}

func TestWhatIsSavedIsLoaded(t *testing.T) {
	mem := disk(t)
	if _, err := Load(mem, "/d/s", header); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	for _, lines := range [][]string{{"a 1", "b"}, {"c"}, {}} {
		if err := Save(mem, "/d/s", header, lines); err != nil {
			t.Fatal(err)
		}
		if got, err := Load(mem, "/d/s", header); err != nil || strings.Join(got, "|") != strings.Join(lines, "|") {
			t.Errorf("%q, %v", got, err)
		}
	}
}

func TestAnyFlippedByteOfAStateIsFound(t *testing.T) {
	mem := disk(t)
	if err := Save(mem, "/d/s", header, []string{"a 1", "b"}); err != nil {
		t.Fatal(err)
	}
	b, err := vfs.ReadSmall(mem, "/d/s", maxSize)
	if err != nil {
		t.Fatal(err)
	}
	for i := range b {
		b[i] ^= 1
		if err := vfs.WriteSmall(mem, "/d/s", b, 0); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(mem, "/d/s", header); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("byte %d: %v", i, err)
		}
		b[i] ^= 1
	}
}

func TestAFutureVersionIsRefused(t *testing.T) {
	mem := disk(t)
	if err := Save(mem, "/d/s", "evident test state 2", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(mem, "/d/s", header); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "newer version") {
		t.Error(err)
	}
}

func TestAPowerCutLeavesTheOldStateOrTheNewOne(t *testing.T) {
	for _, cut := range vfstest.Cuts() {
		for n := 0; ; n++ {
			mem := disk(t)
			if err := Save(mem, "/d/s", header, []string{"0"}); err != nil {
				t.Fatal(err)
			}
			saved := 0
			faulty := vfs.NewFaulty(mem, cut.Hook(n))
			for i := 1; i <= 3 && Save(faulty, "/d/s", header, []string{fmt.Sprint(i)}) == nil; i++ {
				saved = i
			}
			if saved == 3 {
				break // the cut came after all of it
			}
			got, err := Load(mem.Crash(cut.Keep(n)), "/d/s", header)
			if err != nil {
				t.Fatalf("%s, %d: %v", cut.Name, n, err)
			}
			if s := strings.Join(got, ""); s != fmt.Sprint(saved) && s != fmt.Sprint(saved+1) {
				t.Fatalf("%s, %d: %q after %d was saved", cut.Name, n, s, saved)
			}
		}
	}
}

// Invariants: nothing panics; what is read is what Save would have written.
func FuzzParse(f *testing.F) {
	f.Add(header + "\na\n" + checksum(header+"\na\n"))
	f.Add(header + "\n" + checksum(header+"\n"))
	f.Fuzz(func(t *testing.T, text string) {
		lines, err := parse(text, header)
		if err != nil {
			return
		}
		body := strings.Join(append([]string{header}, lines...), "\n") + "\n"
		if body+checksum(body) != text {
			t.Errorf("%q is read of %q", lines, text)
		}
	})
}
