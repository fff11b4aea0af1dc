package vfs

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

// disk is a Mem with helpers that end the test on an unexpected error.
type disk struct {
	*testing.T
	*Mem
}

func newDisk(t *testing.T) disk { return disk{t, NewMem()} }

func (d disk) must(err error) {
	d.Helper()
	if err != nil {
		d.Fatal(err)
	}
}

func (d disk) open(name string, mode Mode) File {
	d.Helper()
	f, err := d.Open(name, mode)
	d.must(err)
	return f
}

func (d disk) write(f File, off int64, s string) {
	d.Helper()
	_, err := f.WriteAt([]byte(s), off)
	d.must(err)
}

// durable creates a file that a power cut keeps as it is.
func (d disk) durable(name, contents string) File {
	d.Helper()
	f := d.open(name, Create)
	d.write(f, 0, contents)
	d.must(f.Sync())
	d.must(d.SyncDir(name[:strings.LastIndexByte(name, '/')+1]))
	return f
}

func (d disk) crash(keep Keep) disk {
	return disk{d.T, d.Crash(keep)}
}

func (d disk) contents(name string) string {
	d.Helper()
	f := d.open(name, 0)
	b, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<40))
	d.must(errors.Join(err, f.Close()))
	return string(b)
}

func (d disk) wantContents(name, want string) {
	d.Helper()
	if got := d.contents(name); got != want {
		d.Errorf("%s holds %q, want %q", name, brief(got), brief(want))
	}
}

// wantTree compares the names of everything on the disk.
func (d disk) wantTree(want ...string) {
	d.Helper()
	if got := d.tree(); fmt.Sprint(got) != fmt.Sprint(want) {
		d.Errorf("the disk holds %q, want %q", got, want)
	}
}

func (d disk) tree() []string {
	d.Helper()
	return d.below("/", nil)
}

func (d disk) below(dir string, names []string) []string {
	d.Helper()
	list, err := d.ReadDir(dir)
	d.must(err)
	for _, e := range list {
		name := dir + e.Name()
		names = append(names, name)
		if e.IsDir() {
			names = d.below(name+"/", names)
		}
	}
	return names
}

// brief writes runs of a byte as their length.
func brief(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		rest := strings.TrimLeft(s, s[:1])
		fmt.Fprintf(&b, "%d×%q ", len(s)-len(rest), s[0])
		s = rest
	}
	return b.String()
}

func blocks(n int, of string) string { return strings.Repeat(of, n*BlockSize) }
