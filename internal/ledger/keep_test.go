package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evidentlog/evident/internal/ledger/checkpoints"
	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/proof"
)

// keptSizes are the sizes of all checkpoints that are kept.
func (r *running) keptSizes() (sizes []int64) {
	r.t.Helper()
	list, err := r.Kept().From(0, 1000)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, k := range list {
		sizes = append(sizes, k.Size)
	}
	return sizes
}

// One checkpoint a minute is kept, whatever is signed.
func TestACheckpointAMinuteIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newDisk(t)
		l := start(t, disk)
		p := l.partition(1)
		time.Sleep(DefaultInterval / 2)
		for range 150 { // seconds
			add(t, p, 1)
			time.Sleep(DefaultInterval)
		}
		sizes := l.keptSizes()
		if got := fmt.Sprint(sizes); got != "[0 60 120]" {
			t.Errorf("after 150 seconds and checkpoints, those are kept of sizes %s", got)
		}
		l.end()
		l = start(t, disk)
		if got := fmt.Sprint(l.keptSizes()[:3]); got != fmt.Sprint(sizes) {
			t.Errorf("after a restart: %s", got)
		}
		l.end()
	})
}

// A proof is given after its checkpoint is kept, and proofs of one time share one.
func TestProofsShareACheckpointThatIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newDisk(t)
		syncs := 0
		var mu sync.Mutex
		l := start(t, vfs.NewFaulty(disk, func(op vfs.Op) error {
			mu.Lock()
			defer mu.Unlock()
			if op.Kind == vfs.OpSync {
				syncs++
			}
			return nil
		}))
		p := l.partition(1)
		add(t, p, 100)
		time.Sleep(2 * DefaultInterval)
		synctest.Wait()
		before := syncs
		var proofs sync.WaitGroup
		for i := range int64(100) {
			proofs.Go(func() {
				h := l.proven(p, i)
				if _, err := l.Kept().At(h.Root.Size); err != nil {
					t.Errorf("offset %d is proven by a checkpoint that is not kept: %v", i, err)
				}
			})
		}
		proofs.Wait()
		if syncs-before > 1 {
			t.Errorf("100 proofs of one time took %d syncs", syncs-before)
		}
		l.end()
	})
}

func TestAProofWhoseCheckpointCannotBeKeptIsNotGiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		full := false
		l := start(t, vfs.NewFaulty(newDisk(t), func(op vfs.Op) error {
			mu.Lock()
			defer mu.Unlock()
			if full && op.Kind == vfs.OpWrite {
				return errors.New("disk on fire")
			}
			return nil
		}))
		p := l.partition(1)
		add(t, p, 10)
		time.Sleep(2 * DefaultInterval)
		mu.Lock()
		full = true
		mu.Unlock()
		if f, err := l.Prove(p.origin, Opened{1, record(1)}); err == nil {
			t.Errorf("a proof is given: %v", f)
		}
		mu.Lock()
		full = false
		mu.Unlock()
		l.end()
	})
}

func TestKeptCheckpointsAreServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, err := Open(Config{FS: newDisk(t), Dir: "/data/ledger", Origin: testOrigin, Receipts: stones{2}})
		if err != nil {
			t.Fatal(err)
		}
		r := run(t, l)
		for range 3 {
			add(t, r.partition(1), 1)
			time.Sleep(2 * DefaultInterval)
			if _, err := r.KeepNewest(); err != nil {
				t.Fatal(err)
			}
		}
		ask := func(query string) (page checkpointPage) {
			resp, body := get(r.Handler(), "/ledger/root/checkpoints"+query)
			if err := json.Unmarshal([]byte(body), &page); err != nil || resp.StatusCode != http.StatusOK {
				t.Fatalf("%s: %s %v", query, resp.Status, err)
			}
			return page
		}
		page := ask("?from=1&limit=2")
		if len(page.Checkpoints) != 2 || page.Next != 3 {
			t.Fatalf("%+v", page)
		}
		second := page.Checkpoints[1]
		if second.Size != 2 || len(second.Receipts) != 1 || string(second.Receipts[0].Receipt) != "carved 2" {
			t.Errorf("%+v", second)
		}
		if page = ask("?from=3"); len(page.Checkpoints) != 1 || page.Next != 0 || page.Checkpoints[0].Note != string(r.Checkpoint()) {
			t.Errorf("%+v", page)
		}
		if page = ask("?from=4"); page.Checkpoints == nil || len(page.Checkpoints) != 0 {
			t.Errorf("%+v", page)
		}
		for _, query := range []string{"?from=x", "?from=-1", "?limit=0", "?limit=x"} {
			if resp, body := get(r.Handler(), "/ledger/root/checkpoints"+query); resp.StatusCode != http.StatusBadRequest {
				t.Errorf("%s: %s %s", query, resp.Status, body)
			}
		}
		r.end()
	})
}

// Kept checkpoints that the files do not have are a rollback too.
func TestFilesOlderThanWhatWasKeptAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newDisk(t)
		l := start(t, disk)
		add(t, l.partition(1), 10)
		time.Sleep(2 * DefaultInterval)
		l.end()
		kept, err := checkpoints.Open(checkpoints.Config{FS: disk, Dir: "/data/ledger/" + checkpointsDir, Origin: testOrigin, Keys: l.Verifiers()})
		if err != nil {
			t.Fatal(err)
		}
		signed, err := l.keys.signRoot(proof.Checkpoint{Origin: testOrigin, Size: l.rootHead().Size + 1, Root: proof.Hash{1}})
		if err = errors.Join(err, kept.Keep(signed), kept.Close()); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(Config{FS: disk, Dir: "/data/ledger", Origin: testOrigin}); !errors.Is(err, ErrSetBack) {
			t.Error(err)
		}
	})
}
