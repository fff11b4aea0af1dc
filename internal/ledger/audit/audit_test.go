package audit

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/proof"
)

func spooled(t *testing.T, heads int) *treeLog {
	t.Helper()
	mem := vfs.NewMem()
	if err := errors.Join(mem.MkdirAll("/audit"), mem.SyncDir("/")); err != nil {
		t.Fatal(err)
	}
	tl := &treeLog{Tree: proof.Tree{Deployment: "example.com/events", Topic: "orders", TopicID: "id"}, fs: mem, file: "/audit/1.heads"}
	for i := range heads {
		e := proof.RootEntry{Kind: proof.HeadEntry, Checkpoint: proof.Checkpoint{Origin: tl.Origin(), Size: int64(i / 2), Root: proof.Hash{byte(i)}}}
		if problem := tl.forbids(&e); problem != "" {
			t.Fatal(problem)
		}
		if err := tl.head(int64(10*i), &e); err != nil {
			t.Fatal(err)
		}
	}
	if err := tl.flush(); err != nil {
		t.Fatal(err)
	}
	return tl
}

func TestHeadsComeBackFromTheSpoolInOrder(t *testing.T) {
	for _, count := range []int{0, 1, 999, 1000, 1001, 5000} {
		tl := spooled(t, count)
		r := &headReader{tree: tl}
		for i := range count {
			m, ok, err := r.next(t.Context())
			if err != nil || !ok || m.size != int64(i/2) || m.root != (proof.Hash{byte(i)}) {
				t.Fatalf("head %d of %d: %+v, %v, %v", i, count, m, ok, err)
			}
		}
		if m, ok, err := r.next(t.Context()); ok || err != nil {
			t.Errorf("after %d: %+v, %v", count, m, err)
		}
	}
}

func TestAHeadThatIsSmallerIsForbidden(t *testing.T) {
	tl := spooled(t, 100)
	e := proof.RootEntry{Kind: proof.HeadEntry, Checkpoint: proof.Checkpoint{Size: 48}}
	if problem := tl.forbids(&e); !strings.Contains(problem, "size 48, and entry 990 gave the tree size 49") {
		t.Error(problem)
	}
}

func TestErasedOffsetsAreFound(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 100 {
		want, tl := map[int64]bool{}, &treeLog{}
		for range rng.IntN(20) {
			first := rng.Int64N(100)
			r := proof.Range{First: first, Last: first + rng.Int64N(10)}
			tl.erased = append(tl.erased, r)
			for o := r.First; o <= r.Last; o++ {
				want[o] = true
			}
		}
		tl.settle()
		for o := range int64(120) {
			if tl.wasErased(o) != want[o] {
				t.Fatalf("offset %d of %v: erased %v", o, tl.erased, !want[o])
			}
		}
	}
}

// Invariants: nothing panics; what is read is written the same.
func FuzzDecodeState(f *testing.F) {
	s := &state{map[string]progress{"example.com/events/orders/id/0/0": {7, proof.Hash{1}, Counts{1, 2, 3, 4}}}}
	f.Add(strings.Join(s.encode(), "\n"))
	f.Fuzz(func(t *testing.T, text string) {
		s, err := decode(strings.Split(text, "\n"))
		if err != nil {
			return
		}
		if again, err := decode(s.encode()); err != nil || !reflect.DeepEqual(again, s) {
			t.Errorf("%+v is read back as %+v, %v", s, again, err)
		}
	})
}
