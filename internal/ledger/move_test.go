package ledger

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/evidentlog/evident/internal/bucket/buckettest"
	"github.com/evidentlog/evident/internal/ledger/shared"
	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/proof"
)

// alone lets a node use a folder alone: two trees, one of which ends, and an
// erasure. It returns the salt that was erased.
func (m *team) alone(n *node) (erased proof.Salt) {
	m.t.Helper()
	l, err := Open(m.config(n.disk))
	if err != nil {
		m.t.Fatal(err)
	}
	n.Ledger = l
	for range 3 {
		m.grow(n, 0, 40)
		m.grow(n, 1, 3)
		m.round(n)
	}
	m.grow(n, 0, 6000) // more than a block
	m.round(n)
	p := m.grow(n, 0, 1)
	if erased, err = n.store.ReadSalt(p.id, 50); err != nil {
		m.t.Fatal(err)
	}
	if err := m.erase(n, 0, 50); err != nil {
		m.t.Fatal(err)
	}
	m.grow(n, 1, 2).Close("diverged at 5")
	m.round(n)
	m.grow(n, 1, 7) // of the next generation
	m.round(n)
	if err := n.Close(); err != nil {
		m.t.Fatal(err)
	}
	return erased
}

// share opens a node's folder with the team's bucket.
func (m *team) share(n *node) (err error) {
	m.t.Helper()
	n.Ledger, err = OpenShared(m.t.Context(), m.config(n.disk), m.bucket)
	return err
}

func TestAFolderMovesIntoABucket(t *testing.T) {
	m := newTeam(t, 0)
	first := &node{disk: m.newDisk()}
	erased := m.alone(first)
	was := first.signed.Load().Checkpoint
	m.open(first)
	if got := first.signed.Load().Checkpoint; got != was {
		t.Errorf("it signs %v, and has signed %v", got, was)
	}
	second := &node{disk: m.newDisk()}
	m.open(second)
	m.nodes = append(m.nodes, first, second)
	m.check(2)
	m.grow(first, 0, 10)
	m.grow(second, 1, 10)
	m.round(first)
	m.round(second)
	m.check(2)
	tr := orders(0)
	tr.Deployment = testOrigin
	for i, n := range m.nodes {
		if err := n.WasErased(tr.Origin(), 50); err == nil {
			t.Errorf("node %d knows of no erasure", i)
		}
		tr := orders(1)
		tr.Deployment = testOrigin
		if h, err := n.Head(tr.Origin()); err != nil || !h.Closed || h.Size != 11 {
			t.Errorf("node %d: the tree that ended is %+v, %v", i, h, err)
		}
	}
	for name, o := range m.store.Objects() {
		if bytes.Contains(o, erased[:]) {
			t.Errorf("%s has the salt that was erased", name)
		}
	}
	_ = first.Close()
	if _, err := Open(m.config(first.disk)); err == nil {
		t.Error("a folder that was moved is used alone")
	}
}

// Whatever request is the last one that a node makes, and whatever becomes of it,
// the node goes on with the move when it is started again.
func TestAMoveThatIsInterruptedGoesOn(t *testing.T) {
	m := newTeam(t, 0)
	base := &node{disk: m.newDisk()}
	m.alone(base)
	for _, fault := range []buckettest.Fault{buckettest.LostAfter, buckettest.Late} {
		for last := 0; ; last++ {
			m.store.Restore(map[string][]byte{})
			n := &node{disk: base.disk.Crash(vfs.KeepAll)}
			requests := 0
			m.store.Fail(func(r *http.Request) buckettest.Fault {
				if strings.Contains(r.URL.Path, "/probe-") {
					return buckettest.None
				}
				if requests++; requests > last {
					return fault
				}
				return buckettest.None
			})
			if err := m.share(n); err == nil {
				m.store.Fail(nil)
				if requests < 10 {
					t.Errorf("fault %d: a move takes %d requests only", fault, requests)
				}
				_ = n.Close()
				break
			}
			n.disk = n.disk.Crash(vfs.KeepNone)
			m.store.Fail(nil)
			m.crashedMove(n)
		}
	}
}

// crashedMove goes on where a node was stopped.
func (m *team) crashedMove(n *node) {
	m.t.Helper()
	other := &node{disk: m.newDisk()}
	_, moving, err := shared.Look(m.t.Context(), m.bucket)
	if err != nil {
		m.t.Fatal(err)
	}
	if moving {
		if err := m.share(other); !errors.Is(err, shared.ErrMoving) {
			m.t.Fatalf("another node begins: %v", err)
		}
	}
	m.open(n)
	m.open(other) // which compares all leaves with all heads
	if got, want := other.signed.Load().Checkpoint, n.signed.Load().Checkpoint; got != want {
		m.t.Fatalf("another node has %v, and the one that moved %v", got, want)
	}
	_ = n.Close()
	_ = other.Close()
}

// A copy of a folder that went on elsewhere is another history.
func TestAFolderWithAnotherHistoryIsNotMoved(t *testing.T) {
	m := newTeam(t, 0)
	rival := &team{t: t, store: m.store, bucket: m.bucket, keys: m.keys, signed: map[int64]proof.Hash{}}
	one, two := &node{disk: m.newDisk()}, &node{disk: m.newDisk()}
	m.alone(one)
	rival.alone(two) // with other salts
	puts := 0
	m.store.Fail(func(r *http.Request) buckettest.Fault {
		if r.Method == http.MethodPut && bytes.Contains([]byte(r.URL.Path), []byte("blocks")) {
			if puts++; puts > 1 {
				return buckettest.Broken
			}
		}
		return buckettest.None
	})
	if err := m.share(one); err == nil {
		t.Fatal("the bucket has all of it")
	}
	m.store.Fail(nil)
	if err := m.share(two); !errors.Is(err, shared.ErrSetBack) {
		t.Errorf("another history goes on with the move: %v", err)
	}
	if l, err := Open(m.config(two.disk)); err != nil {
		t.Errorf("the folder that was refused cannot be used alone: %v", err)
	} else if err := l.Close(); err != nil {
		t.Error(err)
	}
	m.open(one)
	t.Cleanup(func() { _ = one.Close() })
	if err := m.share(two); !errors.Is(err, shared.ErrOther) {
		t.Errorf("another history comes to a bucket that has one: %v", err)
	}
}
