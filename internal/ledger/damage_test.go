package ledger

import (
	"flag"
	"fmt"
	"maps"
	"path"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/proof"
)

var flips = flag.Int64("flips", 7, "how many bytes of each file of a ledger are flipped")

// Whatever byte of a ledger's files is flipped while it is stopped: it says which
// file is damaged and does not start, or goes on with the history that it has
// signed, under the same keys. No proof that it gives then is wrong and verifies.
func TestAFlippedByteOnDiskMakesNoOtherHistory(t *testing.T) {
	disk := newDisk(t)
	var shown string
	var keys []*proof.Verifier
	synctest.Test(t, func(t *testing.T) {
		l := start(t, disk)
		for range 3 {
			add(t, l.partition(0), 4)
			add(t, l.partition(1), 3)
			time.Sleep(2 * DefaultInterval)
		}
		l.proven(l.partition(0), 3)
		shown, keys = string(l.Checkpoint()), l.Verifiers()
		l.end()
	})
	refused, flipped := 0, 0
	for name, size := range filesOf(t, disk, "/data/ledger") {
		for at := int64(0); at < size; at += 1 + size / *flips {
			damaged := disk.Crash(vfs.KeepAll)
			if err := damaged.FlipBit(name, at); err != nil {
				continue // a hole
			}
			flipped++
			l, err := Open(Config{FS: damaged, Dir: "/data/ledger", Origin: testOrigin})
			if err != nil {
				refused++
				if !strings.Contains(err.Error(), path.Base(name)) {
					t.Errorf("byte %d of %s flipped, and the error names no file: %v", at, name, err)
				}
				continue
			}
			checkExtends(t, int(at), shown, l)
			checkProofs(t, fmt.Sprintf("byte %d of %s flipped", at, name), l, keys)
			if err := l.store.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Logf("%d bytes flipped, %d times refused", flipped, refused)
}

// filesOf lists the files in a folder and below, with their sizes.
func filesOf(t *testing.T, disk vfs.FS, dir string) map[string]int64 {
	t.Helper()
	files := map[string]int64{}
	list, err := disk.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		name := dir + "/" + e.Name()
		if e.IsDir() {
			maps.Copy(files, filesOf(t, disk, name))
			continue
		}
		info, err := disk.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = info.Size()
	}
	return files
}

// checkProofs proves all records, as far as the ledger does.
func checkProofs(t *testing.T, what string, l *Ledger, keys []*proof.Verifier) {
	t.Helper()
	if fmt.Sprint(l.Verifiers()) != fmt.Sprint(keys) {
		t.Errorf("%s, and the ledger has other keys", what)
	}
	for n, count := range []int64{12, 9} {
		tree := orders(int32(n))
		tree.Deployment = testOrigin
		for offset := int64(1); offset < count; offset += 3 {
			f, err := l.Prove(tree.Origin(), Opened{offset, record(offset)})
			if err != nil {
				continue
			}
			r, err := f.Verify(proof.Trust{Keys: keys})
			if err == nil && string(r.Heads[0].Records[0].Record.Value) != string(record(offset).Value) {
				t.Errorf("%s, and offset %d is proven to be %+v", what, offset, r.Heads[0].Records[0])
			}
		}
	}
}
