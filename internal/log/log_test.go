package log

import (
	"fmt"
	"testing"

	"github.com/evidentlog/evident/internal/vfs"
)

func TestAppendedRecordsAreReadBackAlsoAfterRestart(t *testing.T) {
	for _, size := range []int{10, 1000, 300_000} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			fs := vfs.NewMem()
			n := 0
			for range 3 {
				l := openLog(t, fs)
				p := l.partition("a", 0)
				l.start()
				wantValues(t, values(t, p), n)
				for range 20 {
					a := mustAppend(t, p, makeBatch(t, n, 3, size, nil))
					if a.BaseOffset != int64(n) {
						t.Fatalf("base offset %d, want %d", a.BaseOffset, n)
					}
					n += 3
				}
				wantValues(t, values(t, p), n)
				l.close()
			}
		})
	}
}

func TestPowerCutKeepsWhatWasAcknowledged(t *testing.T) {
	for _, size := range []int{10, 1000, 300_000} {
		for _, seed := range []uint64{0, 1, 2, 3, 4} {
			t.Run(fmt.Sprint(size, "/", seed), func(t *testing.T) {
				fs := vfs.NewMem()
				n := 0
				for range 4 {
					l := openLog(t, fs)
					p := l.partition("a", 0)
					l.start()
					got := values(t, p)
					if len(got) < n {
						t.Fatalf("%d records of %d are left", len(got), n)
					}
					n = len(got)
					wantValues(t, got, n)
					for range 10 {
						mustAppend(t, p, makeBatch(t, n, 3, size, nil))
						n += 3
					}
					next := fs.Crash(vfs.KeepRandom(seed))
					_ = l.Close()
					fs = next
				}
			})
		}
	}
}
