package vfs

import (
	"strings"
	"testing"
)

func TestEntriesAreDurableOnlyAfterSyncDir(t *testing.T) {
	d := newDisk(t)
	d.must(d.MkdirAll("/d"))
	d.must(d.open("/d/f", Create).Sync())
	d.must(d.SyncDir("/d"))
	d.crash(KeepAll).wantTree("/d", "/d/f")
	d.crash(KeepNone).wantTree()
}

func TestSyncDirKeepsCreationsRenamesAndRemovals(t *testing.T) {
	d := newDisk(t)
	d.durable("/a", "a")
	d.durable("/b", "b")
	d.durable("/c", "c")
	d.must(d.Rename("/a", "/b"))
	d.must(d.Remove("/c"))
	d.open("/e", Create)
	before := d.crash(KeepNone)
	before.wantTree("/a", "/b", "/c")
	before.wantContents("/b", "b")

	d = newDisk(t)
	d.durable("/a", "a")
	d.durable("/b", "b")
	d.must(d.Rename("/a", "/b"))
	d.must(d.SyncDir("/"))
	after := d.crash(KeepNone)
	after.wantTree("/b")
	after.wantContents("/b", "a")
}

// trees are all that the names on the disk may be after a power cut.
func (d disk) trees() map[string]bool {
	found := make(map[string]bool)
	for seed := range uint64(300) {
		found[strings.Join(d.crash(KeepRandom(seed)).tree(), " ")] = true
	}
	return found
}

func (d disk) wantTrees(want ...string) {
	d.Helper()
	found := d.trees()
	for _, w := range want {
		if !found[w] {
			d.Errorf("no power cut leaves %q", w)
		}
		delete(found, w)
	}
	for f := range found {
		d.Errorf("a power cut leaves %q", f)
	}
}

func TestPowerCutNeverSplitsARename(t *testing.T) {
	d := newDisk(t)
	d.durable("/old", "")
	d.must(d.Rename("/old", "/new"))
	d.must(d.Rename("/new", "/newer"))
	d.wantTrees("/old", "/new", "/newer")
}

func TestPowerCutKeepsIndependentEntriesIndependently(t *testing.T) {
	d := newDisk(t)
	d.durable("/a", "")
	d.open("/b", Create)
	d.must(d.Remove("/a"))
	d.wantTrees("", "/a", "/a /b", "/b")
}

func TestPowerCutNeverLosesWhatWasMovedBetweenFolders(t *testing.T) {
	d := newDisk(t)
	d.must(d.MkdirAll("/a"))
	d.must(d.SyncDir("/"))
	d.durable("/a/f", "")
	d.must(d.MkdirAll("/b/c"))
	d.must(d.Rename("/a/f", "/b/c/f"))
	d.must(d.Remove("/a"))
	d.wantTrees("/a /a/f", "/a /a/f /b", "/a /a/f /b /b/c", "/a /b /b/c /b/c/f", "/b /b/c /b/c/f")
}

func TestSyncOfEitherFolderMakesAMoveDurable(t *testing.T) {
	for _, synced := range []string{"/a", "/b/c"} {
		d := newDisk(t)
		d.must(d.MkdirAll("/a"))
		d.must(d.SyncDir("/"))
		d.durable("/a/f", "x")
		d.must(d.MkdirAll("/b/c"))
		d.must(d.Rename("/a/f", "/b/c/g"))
		d.must(d.Rename("/b/c/g", "/b/c/f"))
		d.must(d.SyncDir(synced))
		want := map[string]string{"/a": "/b/c/g", "/b/c": "/b/c/f"}[synced]
		after := d.crash(KeepNone)
		after.wantTree("/a", "/b", "/b/c", want)
		after.wantContents(want, "x")
	}
}

func TestSyncOfAMoveKeepsTheRenameBeforeIt(t *testing.T) {
	d := newDisk(t)
	d.must(d.MkdirAll("/a"))
	d.must(d.MkdirAll("/b"))
	d.must(d.SyncDir("/"))
	d.durable("/a/f", "x")
	d.must(d.Rename("/a/f", "/a/g"))
	d.must(d.Rename("/a/g", "/b/h"))
	d.must(d.SyncDir("/b"))
	d.crash(KeepNone).wantTree("/a", "/b", "/b/h")
}

func TestRemovalOfAFolderThatWasEmptiedByAMoveKeepsTheMove(t *testing.T) {
	d := newDisk(t)
	d.must(d.MkdirAll("/a"))
	d.must(d.MkdirAll("/b"))
	d.must(d.SyncDir("/"))
	d.durable("/a/f", "")
	d.must(d.Rename("/a/f", "/b/f"))
	d.must(d.Remove("/a"))
	d.must(d.SyncDir("/"))
	d.crash(KeepNone).wantTree("/b", "/b/f")
}

func TestManyUnsyncedChangesSettleFromTheOldest(t *testing.T) {
	d := newDisk(t)
	for range maxUnsynced {
		d.open("/tmp", Create)
		d.must(d.Remove("/tmp"))
	}
	d.open("/last", Create)
	root := d.top.entries[""].(*memDir)
	if n := len(root.unsynced); n > maxUnsynced {
		t.Errorf("%d changes are remembered, more than %d", n, maxUnsynced)
	}
	d.crash(KeepNone).wantTree()
}
