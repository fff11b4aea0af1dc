package ledger

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/evidentlog/evident/proof"
)

// TestAllMayCallAtOnce opens, adds, closes, proves and serves side by side while
// rounds are made. It has the race detector and deadlocks to fail by, and every
// file that Prove gives must be good.
func TestAllMayCallAtOnce(t *testing.T) {
	l, err := Open(Config{FS: newDisk(t), Dir: "/data/ledger", Origin: testOrigin, Interval: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	trust := proof.Trust{Keys: l.Verifiers()}
	var working, created atomic.Int32
	created.Store(100)
	var workers, readers sync.WaitGroup
	for n := range int32(3) {
		working.Add(1)
		workers.Go(func() {
			defer working.Add(-1)
			for generation := range 3 {
				p, err := l.Open(orders(n))
				if err != nil {
					t.Error(err)
					return
				}
				for range 25 {
					add(t, p, 40) // past a tile, so that hashes are asked for
					created := orders(created.Add(1))
					_, err1 := l.Open(created)
					_, err2 := l.Open(orders((n + 1) % 3)) // which another adds to
					if err := errors.Join(err1, err2); err != nil {
						t.Error(err)
					}
				}
				if generation < 2 {
					p.Close("topic deleted")
				}
			}
		})
	}
	for n := range int32(3) {
		readers.Go(func() {
			for working.Load() > 0 {
				proveNewest(t, l, n, trust)
			}
		})
	}
	workers.Wait()
	readers.Wait()
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// proveNewest proves the newest offset of a partition, if it has any, and asks
// for what is served of it.
func proveNewest(t *testing.T, l *Ledger, n int32, trust proof.Trust) {
	origin, err := l.NewestOf(orders(n))
	if err != nil {
		return // not yet
	}
	head, err := l.Head(origin)
	if err != nil || head.Size == 0 {
		return
	}
	f, err := l.Prove(origin, Opened{head.Size - 1, record(head.Size - 1)})
	if errors.Is(err, ErrNotYet) {
		return // written, and not signed yet
	}
	if err != nil {
		t.Errorf("the newest of %d: %v", head.Size, err)
		return
	}
	if _, err := f.Verify(trust); err != nil {
		t.Error(err)
	}
	w := httptest.NewRecorder()
	l.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/ledger/trees/"+strings.TrimPrefix(origin, testOrigin+"/")+"/checkpoint", nil))
	if w.Code != 200 {
		t.Errorf("%s: %d %s", origin, w.Code, w.Body)
	}
}
