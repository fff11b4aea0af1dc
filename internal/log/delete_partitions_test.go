package log

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/evidentlog/evident/internal/vfs"
)

func folders(t *testing.T, fs vfs.FS) []string {
	t.Helper()
	list, err := fs.ReadDir("data/topics")
	mustDo(t, err)
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

// A deletion counts once the folder has its other name, whatever becomes of its
// files; the next start removes them.
func TestADeletedPartitionStaysAwayThoughItsFilesAreLeft(t *testing.T) {
	disk := newFaults()
	l, p := started(t, disk)
	other := l.partition("b", 0)
	fill(t, p, 0, 3, 100)
	fill(t, other, 0, 3, 100)
	mustDo(t, errors.Join(p.flush(), other.flush()))
	disk.fail(vfs.OpRemove, deleteSuffix, errDisk)
	errs := l.DeletePartitions([]ID{p.ID(), testID("c", 0), p.ID()})
	if !errors.Is(errs[1], ErrDeleted) || (errs[0] == nil) == (errs[2] == nil) || !errors.Is(errors.Join(errs[0], errs[2]), ErrDeleted) {
		t.Errorf("got %v", errs)
	}
	again := l.partition("a", 0)
	l.removing.Wait()
	l.logs.want(t, "cannot remove a deleted partition's folder", removalName(p.ID()))
	if again.LogEnd() != 0 {
		t.Errorf("a new partition of the same name has %d records", again.LogEnd())
	}
	after := disk.mem.Crash(vfs.KeepNone)
	_ = l.Close()
	if got := folders(t, after); len(got) != 2 {
		t.Fatalf("after a crash there are %v", got)
	}
	l = openLog(t, after)
	l.partition("b", 0)
	l.start()
	l.removing.Wait()
	if got := folders(t, after); len(got) != 1 || got[0] != "b-0" {
		t.Errorf("after a start there are %v", got)
	}
}

func TestAFailedDeletionCanBeTriedAgain(t *testing.T) {
	for _, kind := range []vfs.OpKind{vfs.OpRename, vfs.OpSyncDir} {
		disk := newFaults()
		l, p := started(t, disk)
		fill(t, p, 0, 3, 100)
		mustDo(t, p.flush())
		disk.fail(kind, "topics", errDisk)
		if err := l.DeletePartition(p.ID()); !errors.Is(err, errDisk) {
			t.Errorf("%v: %v", kind, err)
		}
		disk.heal()
		mustDo(t, l.DeletePartition(p.ID()))
		l.removing.Wait()
		if got := folders(t, disk); len(got) > 0 {
			t.Errorf("%v: %v is left", kind, got)
		}
	}
}

// Names may be as long as a folder's can be, also where the folder gets another.
func TestLongNamesCanBeDeletedAndSetAside(t *testing.T) {
	name := strings.Repeat("x", 249)
	dir := t.TempDir()
	open := func() *testLog { return openLog(t, vfs.OS(), func(c *Config) { c.Dir = dir }) }
	l := open()
	deleted, stray := l.partition(name, 1), l.partition(name, 99999)
	l.start()
	fill(t, deleted, 0, 1, 10)
	fill(t, stray, 0, 1, 10)
	mustDo(t, errors.Join(deleted.flush(), stray.flush()))
	mustDo(t, l.DeletePartition(deleted.ID()))
	l.close()
	l = open()
	l.start() // nobody knows the other one
	l.removing.Wait()
	if list, err := os.ReadDir(dir + "/topics"); err != nil || len(list) > 0 {
		t.Errorf("%v is left, %v", list, err)
	}
	if list, err := os.ReadDir(dir + "/stray"); err != nil || len(list) != 1 {
		t.Errorf("%v is set aside, %v", list, err)
	}
}
