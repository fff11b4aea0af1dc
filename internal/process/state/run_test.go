package state

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/evidentlog/evident/internal/vfs"
)

func memFS() *vfs.Mem { return vfs.NewMem() }

// readRun gives what a run's file has, or an error.
func readRun(fs vfs.FS, file *runFile) (list []string, err error) {
	runs, err := openRuns(fs, []*runFile{file})
	if err != nil {
		return nil, err
	}
	defer runs.close()
	for _, s := range file.sections {
		sources, err := runs.in(span{prefix: s.prefix})
		if err != nil {
			return list, err
		}
		for r := sources[0]; !r.ended; {
			list = append(list, fmt.Sprintf("%x%x=%x,%t", s.prefix, r.key, r.value, r.value == nil))
			if err := r.next(); err != nil {
				return list, err
			}
		}
	}
	return list, nil
}

func TestRunsAreSortedAndTheLaterOfEqualKeysCounts(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{0, 1, 100, 3 * radixLeast} {
		var r run
		want := make(map[string]string)
		for i := range n {
			store := []string{"\x01a", "\x02bb"}[rng.IntN(2)]
			key := strings.Repeat("prefix", rng.IntN(3)) + fmt.Sprint(rng.IntN(n))
			value := fmt.Appendf(nil, "%d", i)
			if i%5 == 0 {
				value = nil
			}
			must(t, r.add(kindData, []byte(store), []byte(key), value))
			full := fmt.Sprintf("%c%s%s", kindData, store, key)
			want[full] = fmt.Sprintf("%x=%x,%t", full, value, value == nil)
		}
		fs := memFS()
		w := runWriter{fs: fs}
		file, err := w.write(&r, "/run")
		must(t, err)
		got, err := readRun(fs, file)
		must(t, err)
		var expected []string
		for _, k := range slices.Sorted(maps.Keys(want)) {
			expected = append(expected, want[k])
		}
		if !slices.Equal(got, expected) {
			t.Errorf("%d items: got %d, want %d others", n, len(got), len(expected))
		}
	}
}

func TestDamagedRunIsFound(t *testing.T) {
	var r run
	for i := range 100 {
		must(t, r.add(kindData, []byte("\x01a"), fmt.Append(nil, i), []byte("value")))
	}
	fs := memFS()
	w := runWriter{fs: fs}
	file, err := w.write(&r, "/run")
	must(t, err)
	n := size(t, fs, "/run")
	for off := range n {
		must(t, fs.FlipBit("/run", off))
		if _, err := readRun(fs, file); !errors.Is(err, ErrCorrupt) {
			t.Errorf("a bit flipped at %d of %d: %v", off, n, err)
		}
		must(t, fs.FlipBit("/run", off))
	}
}

// Whatever a block of a run has, reading it ends, with an error or without.
func FuzzRun(f *testing.F) {
	f.Add([]byte("\x03\x06keyvalue"))
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		fs := memFS()
		file, err := fs.Open("/run", vfs.Create)
		must(t, err)
		_, err = file.WriteAt(b, 0)
		must(t, err)
		s := section{blocks: []block{{size: len(b), sum: crc32.Checksum(b, castagnoli)}}}
		if _, err := readRun(fs, &runFile{name: "/run", sections: []section{s}}); err != nil && !errors.Is(err, ErrCorrupt) {
			t.Fatal(err)
		}
	})
}

func TestLargeRestoreIsTheStateOfTheChangelog(t *testing.T) {
	fs := memFS()
	db, err := Open(Config{FS: fs, Dir: "/state", Reserve: 1, Stores: []StoreConfig{{Name: "a"}}, Memory: sharedMemory(t, Limits{Runs: 1})})
	must(t, err)
	defer db.Close()
	task := attached(t, db, 0)
	r := task.Restore()
	want := make(map[string]string)
	rng := rand.New(rand.NewPCG(5, 6))
	for i := range int64(20) {
		var changes []Change
		for range 2_000 {
			key, value := fmt.Sprintf("key %d", rng.IntN(10_000)), fmt.Sprintf("%0300d", rng.Uint64())
			c := Change{Key: appendKey(nil, "a", []byte(key))}
			delete(want, key)
			if rng.IntN(4) > 0 {
				c.Value, want[key] = appendValue(nil, []byte(value), never), value
			}
			changes = append(changes, c)
		}
		must(t, r.Add(changes, i, start))
		if i%7 == 6 {
			must(t, r.install(time.Time{}))
		}
	}
	must(t, r.Finish(start))
	got, err := contents(task, "a", start)
	must(t, err)
	if !maps.Equal(got, want) || task.Position().Next != 19 {
		t.Errorf("%d keys up to %d, want %d others", len(got), task.Position().Next, len(want))
	}
	if left := leftovers(t, fs); len(left) > 0 {
		t.Errorf("%q are left over", left)
	}
}

// Timers that have fired are deletions: one that a restore lost would fire again.
func TestARestoreThatGoesOnDeletesWhatTheChangelogDeletes(t *testing.T) {
	for _, where := range []string{"in memory", "on disk", "restored"} {
		t.Run(where, func(t *testing.T) {
			db := openDB(t, memFS())
			task := attached(t, db, 0)
			key := appendKey(nil, "a", []byte("k"))
			switch there := []Change{{key, appendValue(nil, []byte("v"), never)}}; where {
			case "restored":
				r := task.Restore()
				must(t, r.Add(there, 1, start))
				must(t, r.Finish(start))
			default:
				must(t, task.Apply(there, 1, start, start))
			}
			if where == "on disk" {
				must(t, db.flush())
			}
			r := task.Restore()
			must(t, r.Add([]Change{{Key: key}}, 2, start))
			must(t, r.Finish(start))
			if m, err := contents(task, "a", start); err != nil || len(m) > 0 || task.Position().Next != 2 {
				t.Errorf("%v at %d, %v: want nothing at 2", m, task.Position().Next, err)
			}
		})
	}
}

func leftovers(t *testing.T, fs vfs.FS) (list []string) {
	for _, name := range names(t, fs) {
		if strings.HasSuffix(name, runSuffix) {
			list = append(list, name)
		}
	}
	return list
}

func TestRestoreThatIsGivenUpLeavesNothing(t *testing.T) {
	fs := memFS()
	db := openDB(t, fs)
	task := attached(t, db, 0)
	r := task.Restore()
	must(t, r.Add([]Change{{appendKey(nil, "a", []byte("k")), appendValue(nil, []byte("v"), never)}}, 1, start))
	must(t, r.putAside())
	r.Discard()
	r.Discard()
	if m, err := contents(task, "a", start); err != nil || len(m) > 0 || len(leftovers(t, fs)) > 0 || task.Position().Next != 0 {
		t.Errorf("%v at %d, %q, %v", m, task.Position().Next, leftovers(t, fs), err)
	}
}

// Long keys that differ in their middle take no longer than others.
func TestWhatLongKeysHaveInCommonIsFound(t *testing.T) {
	const long, same = 1 << 20, 600_000
	keys := [][]byte{make([]byte, long), make([]byte, long), make([]byte, long)}
	keys[1][same], keys[2][same+1] = 1, 1
	s := sorter{key: func(i item) []byte { return keys[i.at] }}
	for _, c := range []struct {
		items []item
		want  int
	}{{nil, 0}, {[]item{{}}, long}, {[]item{{}, {at: 1}}, same}, {[]item{{}, {at: 2}}, same + 1}, {[]item{{}, {at: 1}, {at: 2}}, same}} {
		if got := s.common(c.items); got != c.want {
			t.Errorf("%d bytes in common, want %d", got, c.want)
		}
	}
}

// Keys are in the order of their bytes, whatever they have in common, and of equal ones
// the later comes first.
func TestSorterOrdersLikeComparing(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	number := func(n int) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }
	for name, make := range map[string]func() []byte{
		"random":           func() []byte { return number(rng.Int()) },
		"few":              func() []byte { return number(rng.IntN(100)) },
		"equal":            func() []byte { return []byte("the same for all") },
		"a long beginning": func() []byte { return append([]byte("customer-of-the-shop-"), number(rng.IntN(1<<40))...) },
		"two beginnings": func() []byte {
			return append([]byte([]string{"customer-", "order-number-"}[rng.IntN(2)]), number(rng.IntN(4000))...)
		},
		"zeros behind":  func() []byte { return append([]byte("k"), bytes.Repeat([]byte{0}, rng.IntN(30))...) },
		"zeros and one": func() []byte { return append(bytes.Repeat([]byte{0}, rng.IntN(30)), 1) },
	} {
		keys := [][]byte{}
		items := []item{}
		for i := range 5000 {
			keys = append(keys, make())
			items = append(items, item{keyHead(keys[i]), uint32(i)})
		}
		want := slices.Clone(items)
		slices.SortFunc(want, func(a, b item) int {
			if c := bytes.Compare(keys[a.at], keys[b.at]); c != 0 {
				return c
			}
			return int(b.at) - int(a.at)
		})
		s := sorter{key: func(i item) []byte { return keys[i.at] }}
		s.sort(items, 0)
		if !slices.EqualFunc(items, want, func(a, b item) bool { return a.at == b.at }) {
			t.Errorf("keys that are %s are in another order", name)
		}
	}
}
