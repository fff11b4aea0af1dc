package log

import (
	"runtime"
	"sync"
	"testing"

	"github.com/evidentlog/evident/internal/vfs"
)

// An append wakes the journal, and it lets those go first that are about to append, so
// that they need not wait for the next round.
func TestAppendsThatAreOnTheirWayShareARound(t *testing.T) {
	fs := newFaults()
	l := openLog(t, fs)
	ps := []*Partition{l.partition("t", 0), l.partition("t", 1), l.partition("t", 2)}
	l.start()
	for _, p := range ps {
		fill(t, p, 0, 1, 10)
	}
	syncs := 0
	var mu sync.Mutex
	fs.set(func(op vfs.Op) error {
		if op.Kind == vfs.OpSync {
			mu.Lock()
			syncs++
			mu.Unlock()
		}
		return nil
	})
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const times = 100
	for i := range times {
		var all sync.WaitGroup
		for _, p := range ps {
			all.Go(func() { fill(t, p, 1+i, 2+i, 10) })
		}
		all.Wait()
	}
	mu.Lock()
	defer mu.Unlock()
	if syncs > times*3/2 {
		t.Errorf("%d syncs for %d times three appends at once", syncs, times)
	}
}
