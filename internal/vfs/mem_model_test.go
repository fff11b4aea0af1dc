package vfs

import (
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// fileModel is the obvious, slow file: what it holds, and what it held at the
// last Sync.
type fileModel struct{ now, synced string }

func (f *fileModel) write(off int, p string) {
	f.truncate(max(len(f.now), off+len(p)))
	f.now = f.now[:off] + p + f.now[off+len(p):]
}

func (f *fileModel) truncate(size int) {
	if size > len(f.now) {
		f.now += strings.Repeat("\x00", size-len(f.now))
	}
	f.now = f.now[:size]
}

// Whatever is done to a file, it reads as the model does, a power cut that
// keeps all leaves what is there, and one that keeps nothing what was synced.
// A disk that a power cut left goes on the same way.
func TestFileAgreesWithModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := newDisk(t)
		f := d.durable("/f", "")
		var model fileModel
		size := rapid.IntRange(0, 4*BlockSize)
		restart := func(keep Keep, contents string) {
			d = d.crash(keep)
			f = d.open("/f", Write)
			model = fileModel{contents, contents}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"write": func(rt *rapid.T) {
				p := strings.Repeat(rapid.StringN(1, 3, -1).Draw(rt, "bytes"), rapid.IntRange(1, 3000).Draw(rt, "times"))
				off := size.Draw(rt, "offset")
				d.write(f, int64(off), p)
				model.write(off, p)
			},
			"rewrite the last byte synced": func(*rapid.T) {
				if off := len(model.synced) - 1; off >= 0 {
					d.write(f, int64(off), "l")
					model.write(off, "l")
				}
			},
			"append": func(rt *rapid.T) {
				p := strings.Repeat("x", rapid.IntRange(1, BlockSize).Draw(rt, "length"))
				d.write(f, int64(len(model.now)), p)
				model.write(len(model.now), p)
			},
			"truncate": func(rt *rapid.T) {
				n := size.Draw(rt, "size")
				d.must(f.Truncate(int64(n)))
				model.truncate(n)
			},
			"sync": func(*rapid.T) {
				d.must(f.Sync())
				model.synced = model.now
			},
			"cut the power, keeping all":  func(*rapid.T) { restart(KeepAll, model.now) },
			"cut the power, keeping none": func(*rapid.T) { restart(KeepNone, model.synced) },
			"cut the power": func(rt *rapid.T) {
				restart(KeepRandom(rapid.Uint64().Draw(rt, "seed")), "")
				model.now = d.contents("/f")
				model.synced = model.now
			},
			"": func(rt *rapid.T) {
				if got := d.contents("/f"); got != model.now {
					rt.Fatalf("the file holds %s, want %s", brief(got), brief(model.now))
				}
				if used := d.used.Load() / BlockSize; used > int64(blocksIn(int64(len(model.now)))) {
					rt.Fatalf("%d bytes take %d blocks", len(model.now), used)
				}
			},
		})
	})
}

// Whatever is done to names in two folders, a power cut that keeps all leaves
// what is there, and one that keeps nothing what was synced, and no power cut
// loses a file that was synced and only renamed.
func TestNamesAgreeWithModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := newDisk(t)
		dirs := []string{"/a/", "/b/"}
		for _, dir := range dirs {
			d.must(d.MkdirAll(dir))
		}
		d.must(d.SyncDir("/"))
		d.durable("/a/kept", "kept")
		kept := "/a/kept"
		now := map[string]bool{kept: true}
		synced := map[string]map[string]bool{"/a/": {kept: true}, "/b/": {}}
		folder := rapid.SampledFrom(dirs)
		name := rapid.SampledFrom([]string{"/a/x", "/a/y", "/b/x", "/b/y"})
		syncDir := func(dir string) {
			d.must(d.SyncDir(dir))
			synced[dir] = map[string]bool{}
			for n := range now {
				if strings.HasPrefix(n, dir) {
					synced[dir][n] = true
				}
			}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"create": func(rt *rapid.T) {
				n := name.Draw(rt, "name")
				d.must(d.open(n, Create).Close())
				now[n] = true
			},
			"remove": func(rt *rapid.T) {
				n := name.Draw(rt, "name")
				if now[n] && n != kept {
					d.must(d.Remove(n))
					delete(now, n)
				}
			},
			"rename": func(rt *rapid.T) {
				from, dir := name.Draw(rt, "from"), ""
				if rapid.Bool().Draw(rt, "kept") || !now[from] {
					from = kept
				}
				dir = from[:3] // a move would sync more than the model knows
				to := dir + rapid.SampledFrom([]string{"x", "y"}).Draw(rt, "to")
				if to == kept {
					return
				}
				d.must(d.Rename(from, to))
				delete(now, from)
				now[to] = true
				if from == kept {
					kept = to
				}
			},
			"move the kept file": func(rt *rapid.T) {
				to := name.Draw(rt, "to")
				d.must(d.Rename(kept, to))
				delete(now, kept)
				now[to], kept = true, to
				syncDir("/a/")
				syncDir("/b/")
			},
			"sync": func(rt *rapid.T) { syncDir(folder.Draw(rt, "folder")) },
			"": func(rt *rapid.T) {
				d := disk{t, d.cutForTest()}
				seed := rapid.Uint64().Draw(rt, "seed")
				wantNames(rt, d.crash(KeepAll), now)
				wantNames(rt, d.crash(KeepNone), synced["/a/"], synced["/b/"])
				if n := d.crash(KeepRandom(seed)).countOf("kept"); n != 1 {
					rt.Fatalf("a power cut leaves %d files that hold what was kept", n)
				}
			},
		})
	})
}

// However files and folders are made, moved, removed and synced, no power cut
// loses or doubles a file that was synced and only moved since, by its own name
// or its folders'.
func TestNoPowerCutLosesWhatWasMoved(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := newDisk(t)
		d.durable("/kept", "kept")
		any := func(label string) string {
			return rapid.SampledFrom(append(d.tree(), "/")).Draw(rt, label)
		}
		fresh := func() string {
			return path.Join(any("folder"), rapid.StringOfN(rapid.RuneFrom([]rune("xyz")), 1, 1, -1).Draw(rt, "name"))
		}
		rt.Repeat(map[string]func(*rapid.T){
			// Most of what is drawn is refused now and then, which is fine.
			"mkdir":  func(*rapid.T) { _ = d.MkdirAll(fresh()) },
			"move":   func(*rapid.T) { _ = d.Rename(any("from"), fresh()) },
			"move 2": func(*rapid.T) { _ = d.Rename(any("from"), fresh()) },
			"sync":   func(*rapid.T) { _ = d.SyncDir(any("folder")) },
			"remove": func(*rapid.T) {
				if name := any("name"); path.Base(name) != "kept" && d.contentsOrDir(name) != "kept" {
					_ = d.Remove(name)
				}
			},
			"": func(*rapid.T) {
				for _, keep := range []Keep{KeepNone, KeepAll, KeepRandom(rapid.Uint64().Draw(rt, "seed"))} {
					after := disk{t, d.cutForTest()}.crash(keep)
					if n := after.countOf("kept"); n != 1 {
						rt.Fatalf("a power cut leaves %d files that hold what was kept: %q", n, after.tree())
					}
				}
			},
		})
	})
}

// cutForTest is the filesystem as Crash sees it; m goes on.
func (m *Mem) cutForTest() *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &Mem{top: m.top}
}

func (d disk) countOf(contents string) (n int) {
	for _, name := range d.tree() {
		if d.contentsOrDir(name) == contents {
			n++
		}
	}
	return n
}

// contentsOrDir is a file's contents, or "dir".
func (d disk) contentsOrDir(name string) string {
	if info, err := d.Stat(name); err == nil && info.IsDir() {
		return "dir"
	}
	return d.contents(name)
}

func wantNames(rt *rapid.T, d disk, want ...map[string]bool) {
	names := []string{"/a", "/b"}
	for _, w := range want {
		names = slices.AppendSeq(names, maps.Keys(w))
	}
	slices.Sort(names)
	if got := d.tree(); !slices.Equal(got, names) {
		rt.Fatalf("a power cut leaves %q, want %q", got, names)
	}
}
