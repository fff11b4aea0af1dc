// Package vfstest is the conformance suite of filesystems: what the rest of
// Evident may rely on, whichever [vfs.FS] it runs on. What a power cut keeps is
// not in it, as only a filesystem in memory can show that.
package vfstest

import (
	"errors"
	"io"
	"io/fs"
	"path"
	"testing"

	"github.com/evidentlog/evident/internal/vfs"
)

// Run runs the suite. Each test calls open for a filesystem and the name of an
// empty folder on it.
func Run(t *testing.T, open func(t *testing.T) (f vfs.FS, dir string)) {
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f, dir := open(t)
			test.run(fixture{t, f, dir})
		})
	}
}

var tests = []struct {
	name string
	run  func(fixture)
}{
	{"written bytes read back", writtenBytesReadBack},
	{"bytes never written are zero", unwrittenBytesAreZero},
	{"a read beyond the end is short with EOF", readsEndWithEOF},
	{"truncate cuts, and extends with zeros", truncateCutsAndExtends},
	{"a read-only handle refuses changes", readOnlyRefusesChanges},
	{"a closed handle refuses everything", closedRefusesAll},
	{"negative offsets and sizes are refused", negativesRefused},
	{"two handles see the same bytes", handlesShareBytes},
	{"reads run beside appends", readsBesideAppends},
	{"open follows its mode", openFollowsMode},
	{"a folder in the name must exist and be one", parentsAreFolders},
	{"MkdirAll is no error twice", mkdirTwice},
	{"an open file outlives its name", openFileOutlivesName},
	{"only an empty folder is removed", removeOnlyEmpty},
	{"RemoveAll removes the tree, or nothing", removeAll},
	{"rename replaces in one step", renameReplaces},
	{"a folder is renamed with all in it", renameFolder},
	{"an impossible rename changes nothing", renameRefused},
	{"ReadDir is sorted and tells folders", readDirSorted},
	{"Stat tells size, kind and time", statTells},
	{"SyncDir wants a folder", syncDirWantsFolder},
	{"a lock has one holder", lockHasOneHolder},
	{"free space is told", spaceTold},
	{"a direct handle transfers aligned blocks", directTransfers},
	{"errors name the path", errorsNamePath},
}

// fixture is an empty folder on a filesystem, with helpers that end the test on
// an unexpected error.
type fixture struct {
	*testing.T
	vfs.FS
	dir string
}

func (x fixture) path(elem ...string) string {
	return path.Join(append([]string{x.dir}, elem...)...)
}

func (x fixture) open(name string, mode vfs.Mode) vfs.File {
	x.Helper()
	f, err := x.Open(x.path(name), mode)
	if err != nil {
		x.Fatal(err)
	}
	x.Cleanup(func() { _ = f.Close() }) // many tests close it themselves
	return f
}

// file creates a file with the given contents.
func (x fixture) file(name, contents string) vfs.File {
	x.Helper()
	f := x.open(name, vfs.Create)
	x.write(f, contents, 0)
	return f
}

func (x fixture) write(f vfs.File, s string, off int64) {
	x.Helper()
	if n, err := f.WriteAt([]byte(s), off); n != len(s) || err != nil {
		x.Fatalf("WriteAt(%d bytes, %d) = %d, %v", len(s), off, n, err)
	}
}

// contents reads all of an open file.
func (x fixture) contents(f vfs.File) string {
	x.Helper()
	size, err := f.Size()
	if err != nil {
		x.Fatal(err)
	}
	b, err := io.ReadAll(io.NewSectionReader(f, 0, size+1))
	if err != nil {
		x.Fatal(err)
	}
	return string(b)
}

func (x fixture) wantContents(f vfs.File, want string) {
	x.Helper()
	if got := x.contents(f); got != want {
		x.Errorf("%s holds %q, want %q", f.Name(), got, want)
	}
}

func (x fixture) must(err error) {
	x.Helper()
	if err != nil {
		x.Fatal(err)
	}
}

func (x fixture) wantErr(err, want error) {
	x.Helper()
	if !errors.Is(err, want) {
		x.Errorf("error is %v, want %v", err, want)
	}
}

func (x fixture) wantAnyErr(err error) {
	x.Helper()
	if err == nil {
		x.Error("no error")
	}
}

func (x fixture) wantMissing(name string) {
	x.Helper()
	_, err := x.Stat(x.path(name))
	x.wantErr(err, fs.ErrNotExist)
}

func (x fixture) mkdir(name string) {
	x.Helper()
	x.must(x.MkdirAll(x.path(name)))
}
