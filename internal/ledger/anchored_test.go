package ledger

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evidentlog/evident/internal/ledger/checkpoints"
	"github.com/evidentlog/evident/proof"
)

// stones are the sizes of checkpoints that are carved in stone.
type stones []int64

func (s stones) Of(size int64) ([]proof.Receipt, error) {
	if !slices.Contains(s, size) {
		return nil, nil
	}
	return []proof.Receipt{{Anchor: "stone", Data: fmt.Append(nil, "carved ", size)}}, nil
}

func (s stones) First(from int64) (size int64, ok bool) {
	i := slices.IndexFunc(s, func(size int64) bool { return size >= from })
	if i < 0 {
		return 0, false
	}
	return s[i], true
}

// A quarry of three stones, over a tree that grows by two records a round.
func quarry(t *testing.T) *running {
	t.Helper()
	l, err := Open(Config{FS: newDisk(t), Dir: "/data/ledger", Origin: testOrigin, Receipts: stones{3, 5, 8}})
	if err != nil {
		t.Fatal(err)
	}
	r := run(t, l)
	p := r.partition(1)
	for range 10 {
		add(t, p, 2)
		time.Sleep(2 * DefaultInterval)
		if _, err := r.KeepNewest(); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func TestAProofHasTheEarliestCertainTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := quarry(t)
		origin, err := r.Newest("orders", "1")
		if err != nil {
			t.Fatal(err)
		}
		for offset, want := range map[int64]int64{0: 3, 5: 3, 6: 5, 9: 5, 10: 8, 15: 8} {
			f, err := r.ProveAnchored(origin, false, Opened{offset, record(offset)})
			if err != nil {
				t.Fatal(err)
			}
			report, err := f.Verify(proof.Trust{Keys: r.Verifiers()})
			if err != nil {
				t.Fatal(err)
			}
			h := report.Heads[0]
			if h.Root.Size != want || h.Head.Size != offset/2*2+2 || h.Records[0].Offset != offset {
				t.Errorf("offset %d: in the root log of size %d, want %d, by a head of %d records", offset, h.Root.Size, want, h.Head.Size)
			}
			if got := f.Heads[0].Receipts; len(got) != 1 || string(got[0].Data) != fmt.Sprint("carved ", want) {
				t.Errorf("offset %d: receipts %v", offset, got)
			}
		}
		if f, err := r.ProveAnchored(origin, false, Opened{16, record(16)}); !errors.Is(err, ErrNotAnchored) {
			t.Errorf("beyond the last stone: %v, %v", f, err)
		}
		if f, err := r.ProveAnchored(origin, false, Opened{20, record(20)}); err == nil {
			t.Errorf("beyond the tree: %v", f)
		}
		r.end()
	})
}

// Receipts may be restored from a copy, and checkpoints from an older one.
func TestReceiptsForWhatIsNotKeptArePassedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, err := Open(Config{FS: newDisk(t), Dir: "/data/ledger", Origin: testOrigin, Receipts: stones{3, 4}})
		if err != nil {
			t.Fatal(err)
		}
		r := run(t, l)
		for range 2 {
			for p := range int32(2) { // the root log grows by two
				add(t, r.partition(p), 1)
			}
			time.Sleep(2 * DefaultInterval)
			if _, err := r.KeepNewest(); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := r.Kept().At(3); !errors.Is(err, checkpoints.ErrNotKept) {
			t.Fatalf("size 3 is kept: %v", err)
		}
		f, err := r.ProveAnchored(r.partition(0).origin, false, Opened{1, record(1)})
		if err != nil || string(f.Heads[0].Receipts[0].Data) != "carved 4" {
			t.Errorf("%v, %v", f, err)
		}
		r.end()
	})
}

func TestWithAPolicyWhatIsAnchoredIsWitnessed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := quarry(t)
		origin, err := r.Newest("orders", "1")
		if err != nil {
			t.Fatal(err)
		}
		r.cfg.Policy, err = proof.ParsePolicy("witness w " + ed25519Witness(t) + "\nquorum w\n")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.ProveAnchored(origin, false, Opened{0, record(0)}); !errors.Is(err, ErrNotAnchored) {
			t.Errorf("by a checkpoint that nobody cosigned: %v", err)
		}
		if _, err := r.ProveAnchored(origin, true, Opened{0, record(0)}); err != nil {
			t.Errorf("unwitnessed: %v", err)
		}
		r.witnessed.size = -1
		if k, err := r.ToAnchor(); !errors.Is(err, ErrNotWitnessed) {
			t.Errorf("to anchor: %v, %v", k.Size, err)
		}
		r.witnessed.size = 5
		if k, err := r.ToAnchor(); err != nil || k.Size != 5 {
			t.Errorf("to anchor: %v, %v", k.Size, err)
		}
		r.cfg.Policy = nil
		if k, err := r.ToAnchor(); err != nil || k.Size != 10 {
			t.Errorf("to anchor without a policy: %v, %v", k.Size, err)
		}
		if _, err := r.Kept().At(10); errors.Is(err, checkpoints.ErrNotKept) {
			t.Error("what is to be anchored is not kept")
		}
		r.end()
	})
}

// ed25519Witness is the verifier key of a witness that never answers.
func ed25519Witness(t *testing.T) string {
	t.Helper()
	v, err := proof.NewVerifier("witness.example/w", proof.Ed25519Cosignature, make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	return v.String()
}
