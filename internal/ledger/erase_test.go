package ledger

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evidentlog/evident/internal/ledger/store"
	"github.com/evidentlog/evident/internal/vfs/vfstest"
	"github.com/evidentlog/evident/proof"
)

func TestAnErasureLeavesProofsAndSaysWhoAskedForIt(t *testing.T) {
	disk := &vfstest.Remains{FS: newDisk(t)}
	synctest.Test(t, func(t *testing.T) {
		l := start(t, disk)
		p := l.partition(0)
		add(t, p, 10)
		time.Sleep(DefaultInterval + time.Millisecond)
		id, _ := l.store.Find(p.origin)
		before, err := l.Prove(p.origin, Opened{4, record(4)})
		if err != nil {
			t.Fatal(err)
		}
		salt, err := l.store.ReadSalt(id, 4)
		if err != nil {
			t.Fatal(err)
		}
		entries, err := l.Erase(t.Context(), orders(0), []proof.Range{{First: 4, Last: 5}}, "User:admin")
		if err != nil || len(entries) != 1 {
			t.Fatal(entries, err)
		}
		if where, err := disk.Find("/data/ledger", salt[:]); err != nil || where != "" {
			t.Errorf("the salt is in %s (%v)", where, err)
		}
		_, err = l.Prove(p.origin, Opened{4, record(4)})
		if !errors.Is(err, store.ErrErased) || !strings.Contains(err.Error(), "by User:admin") {
			t.Errorf("proving an erased record: %v", err)
		}
		if err := l.WasErased(p.origin, 6); err != nil {
			t.Error(err)
		}
		l.proven(p, 6)
		if _, err := before.Verify(proof.Trust{Keys: l.Verifiers()}); err != nil {
			t.Errorf("a proof from before: %v", err)
		}
		add(t, p, 10)
		time.Sleep(DefaultInterval + time.Millisecond)
		l.proven(p, 14)
		l.end()

		again := start(t, disk)
		if err := again.WasErased(p.origin, 5); !errors.Is(err, store.ErrErased) {
			t.Errorf("after a new start: %v", err)
		}
		if open := again.Unfinished(); len(open) != 1 || open[0].RootIndex != entries[0].RootIndex {
			t.Errorf("unfinished: %+v", open)
		}
		again.proven(again.partition(0), 6)
		again.end()
	})
}

func TestAllGenerationsAreErased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := start(t, newDisk(t))
		first := l.partition(0)
		add(t, first, 6)
		first.Close("truncated to 3")
		time.Sleep(DefaultInterval + time.Millisecond)
		second := l.partition(0)
		add(t, second, 10)
		time.Sleep(DefaultInterval + time.Millisecond)
		entries, err := l.Erase(t.Context(), orders(0), []proof.Range{{First: 2, Last: 2}, {First: 4, Last: 8}}, "User:admin")
		if err != nil || len(entries) != 2 {
			t.Fatal(entries, err)
		}
		if want := []proof.Range{{First: 2, Last: 2}, {First: 4, Last: 5}}; !slices.Equal(entries[0].Offsets, want) {
			t.Errorf("of the first generation %v was erased, want %v", entries[0].Offsets, want)
		}
		for _, p := range []*Partition{first, second} {
			if l.WasErased(p.origin, 4) == nil || l.WasErased(p.origin, 3) != nil {
				t.Errorf("%s: not as asked", p.origin)
			}
		}
		l.end()
	})
}

func TestBadErasuresAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := start(t, newDisk(t))
		add(t, l.partition(0), 6)
		time.Sleep(DefaultInterval + time.Millisecond)
		size, _ := l.store.RootHead()
		for _, c := range []struct {
			partition int32
			offsets   []proof.Range
			by        string
			want      error
		}{
			{0, []proof.Range{{First: 6, Last: 6}}, "User:a", ErrNotYet},
			{1, []proof.Range{{First: 0, Last: 0}}, "User:a", ErrNoTree},
			{0, nil, "User:a", nil},
			{0, []proof.Range{{First: 3, Last: 3}, {First: 2, Last: 2}}, "User:a", nil},
			{0, []proof.Range{{First: 3, Last: 3}}, "", nil},
			{0, []proof.Range{{First: 3, Last: 3}}, "a\nb", nil},
			{0, []proof.Range{{First: 3, Last: 3}}, strings.Repeat("x", 300), nil},
		} {
			_, err := l.Erase(t.Context(), orders(c.partition), c.offsets, c.by)
			if err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("%+v: %v", c, err)
			}
		}
		if now, _ := l.store.RootHead(); now != size {
			t.Errorf("the root log grew from %d to %d", size, now)
		}
		l.end()
		if _, err := l.Erase(t.Context(), orders(0), []proof.Range{{First: 3, Last: 3}}, "User:a"); !errors.Is(err, ErrClosed) {
			t.Errorf("of a ledger that has ended: %v", err)
		}
	})
}

func TestManyOffsetsAreErasedInPieces(t *testing.T) {
	many := []proof.Range{{First: 2, Last: 2}, {First: 10, Last: 10 + 2*erasedAtOnce}}
	for i := range int64(2500) {
		many = append(many, proof.Range{First: 1<<40 + 2*i, Last: 1<<40 + 2*i})
	}
	var all []proof.Range
	for piece := range pieces(many) {
		var n int64
		for _, r := range piece {
			n += r.Count()
			if k := len(all); k > 0 && all[k-1].Last == r.First-1 {
				all[k-1].Last = r.Last
				continue
			}
			all = append(all, r)
		}
		if n > erasedAtOnce || len(piece) > rangesInEntry || n == 0 {
			t.Errorf("a piece has %d offsets in %d ranges", n, len(piece))
		}
	}
	if !slices.Equal(all, many) {
		t.Errorf("the pieces are %d ranges together, want %d", len(all), len(many))
	}
}

// What is erased of a tree after its topic was deleted changes nothing about that.
func TestATopicStaysDeletedWhateverIsErased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := start(t, newDisk(t))
		p := l.partition(0)
		add(t, p, 10)
		p.Close(TopicDeleted)
		time.Sleep(DefaultInterval + time.Millisecond)
		for i, by := range []string{"User:admin", ByRetention, ByDeletion} {
			if trees := l.Trees(); len(trees) != 1 || !trees[0].Deleted {
				t.Errorf("before an erasure by %s: %+v", by, trees)
			}
			o := int64(i)
			if _, err := l.Erase(t.Context(), orders(0), []proof.Range{{First: o, Last: o}}, by); err != nil {
				t.Fatal(err)
			}
		}
		if trees := l.Trees(); len(trees) != 1 || !trees[0].Deleted {
			t.Errorf("in the end: %+v", trees)
		}
		l.end()
	})
}

// Who is answered by a ledger that ends at the same moment is not told that nothing
// was done.
func TestTheLastErasureIsAnswered(t *testing.T) {
	for range 100 {
		l := &Ledger{erasing: make(chan *eraseRequest), over: make(chan struct{})}
		go func() {
			r := <-l.erasing
			r.answer <- erasedAnswer{entries: []Erased{{Origin: "a"}}}
			close(l.over)
		}()
		r := &eraseRequest{answer: make(chan erasedAnswer, 1)}
		if done, err := l.eraseAtOnce(t.Context(), r); len(done) != 1 || err != nil {
			t.Fatalf("%v, %v", done, err)
		}
	}
}
