package vfstest

import (
	"errors"
	"io/fs"
	"slices"
	"syscall"
	"time"

	"github.com/evidentlog/evident/internal/vfs"
)

func openFollowsMode(x fixture) {
	_, err := x.Open(x.path("f"), 0)
	x.wantErr(err, fs.ErrNotExist)
	_, err = x.Open(x.path("f"), vfs.Write)
	x.wantErr(err, fs.ErrNotExist)
	x.open("f", vfs.Create|vfs.Exclusive)
	_, err = x.Open(x.path("f"), vfs.Create|vfs.Exclusive)
	x.wantErr(err, fs.ErrExist)
	_, err = x.Open(x.path("f"), vfs.Create|vfs.Exclusive|vfs.Direct)
	x.wantErr(err, fs.ErrExist)

	x.write(x.open("f", vfs.Create), "kept", 0)
	x.wantContents(x.open("f", vfs.Create), "kept")
	x.wantContents(x.open("f", vfs.Write), "kept")
	x.mkdir("d")
	_, err = x.Open(x.path("d"), vfs.Write)
	x.wantErr(err, syscall.EISDIR)
}

func parentsAreFolders(x fixture) {
	x.file("f", "")
	_, err := x.Open(x.path("missing", "g"), vfs.Create)
	x.wantErr(err, fs.ErrNotExist)
	_, err = x.Open(x.path("f", "g"), vfs.Create)
	x.wantErr(err, syscall.ENOTDIR)
	x.wantErr(x.MkdirAll(x.path("f", "d")), syscall.ENOTDIR)
	x.wantErr(x.MkdirAll(x.path("f")), syscall.ENOTDIR)
	_, err = x.ReadDir(x.path("f"))
	x.wantErr(err, syscall.ENOTDIR)
	_, err = x.ReadDir(x.path("missing"))
	x.wantErr(err, fs.ErrNotExist)
}

func mkdirTwice(x fixture) {
	x.mkdir("a/b/c")
	x.mkdir("a/b/c")
	x.mkdir("a/b/d")
	x.wantNames("a/b", "c", "d")
}

func openFileOutlivesName(x fixture) {
	f := x.file("f", "hello")
	x.must(x.Remove(x.path("f")))
	x.wantMissing("f")
	x.wantErr(x.Remove(x.path("f")), fs.ErrNotExist)
	x.write(f, "!", 5)
	x.wantContents(f, "hello!")
	x.file("f", "another")
	x.wantContents(f, "hello!")
	x.must(f.Close())
}

func removeOnlyEmpty(x fixture) {
	x.mkdir("d")
	x.file("d/f", "")
	x.wantErr(x.Remove(x.path("d")), syscall.ENOTEMPTY)
	x.must(x.Remove(x.path("d/f")))
	x.must(x.Remove(x.path("d")))
	x.wantMissing("d")
}

func removeAll(x fixture) {
	x.mkdir("d/e/g")
	x.file("d/f", "")
	x.file("d/e/f", "")
	x.file("keep", "")
	x.must(x.RemoveAll(x.path("d")))
	x.must(x.RemoveAll(x.path("d")))
	x.must(x.RemoveAll(x.path("d/e/f")))
	x.wantNames("", "keep")
	x.must(x.RemoveAll(x.path("keep")))
	x.wantNames("")
}

func renameReplaces(x fixture) {
	x.file("new", "new contents")
	f := x.file("name", "old contents")
	x.must(x.Rename(x.path("new"), x.path("name")))
	x.wantNames("", "name")
	x.wantContents(x.open("name", 0), "new contents")
	x.wantContents(f, "old contents")
	x.must(x.Rename(x.path("name"), x.path("name")))
	x.wantNames("", "name")
}

func renameFolder(x fixture) {
	x.mkdir("a/b")
	x.mkdir("c")
	f := x.file("a/b/f", "hello")
	x.must(x.Rename(x.path("a"), x.path("c/d")))
	x.wantMissing("a")
	x.wantContents(x.open("c/d/b/f", 0), "hello")
	x.write(f, "J", 0)
	x.wantContents(x.open("c/d/b/f", 0), "Jello")
}

func renameRefused(x fixture) {
	x.mkdir("d/e")
	x.file("f", "")
	x.wantErr(x.Rename(x.path("missing"), x.path("g")), fs.ErrNotExist)
	x.wantErr(x.Rename(x.path("f"), x.path("missing/g")), fs.ErrNotExist)
	x.wantErr(x.Rename(x.path("f"), x.path("d")), fs.ErrExist)
	x.wantErr(x.Rename(x.path("d"), x.path("f")), syscall.ENOTDIR)
	x.wantErr(x.Rename(x.path("d"), x.path("d/e/g")), syscall.EINVAL)
	x.wantNames("", "d", "f")
}

func readDirSorted(x fixture) {
	for _, name := range []string{"c", "a10", "a2", "B"} {
		x.file(name, "")
	}
	x.mkdir("b")
	x.wantNames("", "B", "a10", "a2", "b", "c")
	list, err := x.ReadDir(x.path())
	x.must(err)
	for _, e := range list {
		if e.IsDir() != (e.Name() == "b") {
			x.Errorf("%s: IsDir is %t", e.Name(), e.IsDir())
		}
	}
}

func statTells(x fixture) {
	before := time.Now().Add(-2 * time.Second) // a disk's clock may be coarse
	x.file("f", "hello")
	info, err := x.Stat(x.path("f"))
	x.must(err)
	if info.Name() != "f" || info.Size() != 5 || !info.Mode().IsRegular() {
		x.Errorf("Stat tells name %q, size %d, mode %v", info.Name(), info.Size(), info.Mode())
	}
	if info.ModTime().Before(before) {
		x.Errorf("modified at %v, before %v", info.ModTime(), before)
	}
	x.mkdir("d")
	info, err = x.Stat(x.path("d"))
	x.must(err)
	if info.Name() != "d" || !info.IsDir() {
		x.Errorf("Stat tells name %q, mode %v", info.Name(), info.Mode())
	}
	x.wantMissing("missing")
}

func syncDirWantsFolder(x fixture) {
	x.file("f", "")
	x.must(x.SyncDir(x.path()))
	x.wantErr(x.SyncDir(x.path("missing")), fs.ErrNotExist)
}

func lockHasOneHolder(x fixture) {
	name := x.path("lock")
	held, err := x.Lock(name)
	x.must(err)
	_, err = x.Lock(name)
	x.wantErr(err, vfs.ErrLocked)
	x.must(held.Close())
	again, err := x.Lock(name)
	x.must(err)
	other, err := x.Lock(x.path("other"))
	x.must(err)
	x.must(errors.Join(again.Close(), other.Close()))
	_, err = x.Lock(x.path("missing", "lock"))
	x.wantErr(err, fs.ErrNotExist)
}

func spaceTold(x fixture) {
	s, err := x.Space(x.path())
	x.must(err)
	if s.Free == 0 || s.Free > s.Total {
		x.Errorf("%d bytes of %d are free", s.Free, s.Total)
	}
	_, err = x.Space(x.path("missing"))
	x.wantErr(err, fs.ErrNotExist)
}

func errorsNamePath(x fixture) {
	name := x.path("missing")
	held, err := x.Lock(x.path("lock"))
	x.must(err)
	defer held.Close()
	_, openErr := x.Open(name, 0)
	_, statErr := x.Stat(name)
	_, spaceErr := x.Space(name)
	_, lockErr := x.Lock(x.path("lock"))
	for _, err := range []error{openErr, statErr, spaceErr, x.Remove(name), x.Rename(name, x.path("f")), x.SyncDir(name)} {
		if e, ok := errors.AsType[*fs.PathError](err); !ok || e.Path != name {
			x.Errorf("%v is no *fs.PathError of %s", err, name)
		}
	}
	if e, ok := errors.AsType[*fs.PathError](lockErr); !ok || e.Path != x.path("lock") {
		x.Errorf("%v is no *fs.PathError of the lock", lockErr)
	}
}

func (x fixture) wantNames(dir string, want ...string) {
	x.Helper()
	list, err := x.ReadDir(x.path(dir))
	x.must(err)
	var got []string
	for _, e := range list {
		got = append(got, e.Name())
	}
	if !slices.Equal(got, want) {
		x.Errorf("folder %q holds %q, want %q", dir, got, want)
	}
}
