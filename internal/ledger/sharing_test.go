package ledger

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/evidentlog/evident/internal/bucket"
	"github.com/evidentlog/evident/internal/bucket/buckettest"
	"github.com/evidentlog/evident/internal/ledger/keyfile"
	"github.com/evidentlog/evident/internal/ledger/shared"
	"github.com/evidentlog/evident/internal/ledger/tree"
	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/proof"
)

// A team is nodes that share a ledger, with all that they have signed.
type team struct {
	t      *testing.T
	store  *buckettest.Store
	bucket *bucket.Bucket
	keys   []byte // file
	nodes  []*node
	signed map[int64]proof.Hash // roots by size
}

// A node is one of a team. Its rounds are made by the test.
type node struct {
	*Ledger
	disk *vfs.Mem
}

func newTeam(t *testing.T, nodes int) *team {
	t.Helper()
	m := &team{t: t, store: buckettest.New(t), keys: newKeys(t), signed: map[int64]proof.Hash{}}
	m.bucket = m.store.Bucket(t)
	for range nodes {
		n := &node{disk: m.newDisk()}
		m.open(n)
		m.nodes = append(m.nodes, n)
	}
	t.Cleanup(func() {
		for _, n := range m.nodes {
			_ = n.Close()
		}
	})
	return m
}

// newDisk has the team's keys and nothing else.
func (m *team) newDisk() *vfs.Mem {
	disk := newDisk(m.t)
	f, err := disk.Open("/data/team.keys", vfs.Write|vfs.Create)
	if err == nil {
		_, err = f.WriteAt(m.keys, 0)
	}
	if err = errors.Join(err, f.Sync(), f.Close(), disk.SyncDir("/data")); err != nil {
		m.t.Fatal(err)
	}
	return disk
}

// newKeys returns a file with keys that nobody else has.
func newKeys(t *testing.T) []byte {
	t.Helper()
	disk := newDisk(t)
	if _, err := keyfile.Load(disk, "/data/keys", keysHeader, true); err != nil {
		t.Fatal(err)
	}
	f, err := disk.Open("/data/keys", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	size, err := f.Size()
	b := make([]byte, size)
	if _, err2 := f.ReadAt(b, 0); err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	return b
}

func (m *team) config(disk vfs.FS) Config {
	return Config{FS: disk, Dir: "/data/ledger", Origin: testOrigin, Keys: "/data/team.keys", External: true}
}

func (m *team) open(n *node) {
	m.t.Helper()
	l, err := OpenShared(m.t.Context(), m.config(n.disk), m.bucket)
	if err != nil {
		m.t.Fatal(err)
	}
	n.Ledger = l
	m.note(n)
}

// note compares what a node has signed with what others have.
func (m *team) note(n *node) {
	m.t.Helper()
	c := n.signed.Load().Checkpoint
	if other, ok := m.signed[c.Size]; ok && other != c.Root {
		m.t.Fatalf("two histories are signed: size %d has the roots %v and %v", c.Size, other, c.Root)
	}
	m.signed[c.Size] = c.Root
}

func (m *team) round(n *node) {
	m.t.Helper()
	if err := n.Ledger.round(m.t.Context()); err != nil {
		m.t.Fatal(err)
	}
	m.note(n)
}

// grow adds records to a partition, as a node does that has it.
func (m *team) grow(n *node, partition int32, count int) *Partition {
	m.t.Helper()
	p, err := n.Open(orders(partition))
	if err != nil {
		m.t.Fatal(err)
	}
	add(m.t, p, count)
	return p
}

// check asks that all nodes have one history, with everything in it.
func (m *team) check(partitions int32) {
	m.t.Helper()
	for range 2 {
		for _, n := range m.nodes {
			m.round(n)
		}
	}
	want := m.nodes[0].signed.Load().Checkpoint
	for i, n := range m.nodes {
		if got := n.signed.Load().Checkpoint; got != want {
			m.t.Fatalf("node %d has %+v, and node 0 has %+v", i, got, want)
		}
		for size, root := range m.signed {
			if got, err := tree.RootAt(want, size, n.store.RootTiles()); err != nil || got != root {
				m.t.Fatalf("node %d: root %v at size %d was signed, and is %v now, %v", i, root, size, got, err)
			}
		}
		for p := range partitions {
			m.checkPartition(n, p)
		}
	}
}

func (m *team) checkPartition(n *node, partition int32) {
	m.t.Helper()
	t := orders(partition)
	t.Deployment = testOrigin
	head, err := n.Head(t.Origin())
	if errors.Is(err, ErrNoTree) || errors.Is(err, ErrNotYet) {
		return
	}
	if err != nil {
		m.t.Fatal(err)
	}
	r := &running{Ledger: n.Ledger, t: m.t}
	for _, offset := range []int64{0, head.Size / 2, head.Size - 1} {
		if got := r.proven(&Partition{origin: head.Origin}, offset); !got.External {
			m.t.Fatal("the proof does not say that the log is another's")
		}
	}
}

func TestEachNodeProvesWhatAnyOfThemFollows(t *testing.T) {
	m := newTeam(t, 3)
	for i := range 5 {
		for p, n := range m.nodes {
			m.grow(n, int32(p), 10*i+1)
			m.round(n)
		}
	}
	m.check(3)
}

// Two nodes follow one partition, as when one does not know yet that it lost it.
func TestWhoLosesAPartitionDropsItsLeaves(t *testing.T) {
	m := newTeam(t, 2)
	a, b := m.nodes[0], m.nodes[1]
	old := m.grow(a, 0, 10)
	m.grow(b, 0, 4)
	m.round(b)
	m.round(a) // comes too late
	if got := a.pending.Load(); got != 0 {
		t.Errorf("%d bytes of dropped leaves count as waiting", got)
	}
	if head, err := a.Head(old.origin); err != nil || head.Size != 4 {
		t.Fatalf("%+v, %v", head, err)
	}
	if _, err := old.Lost(20, proof.Removed); !errors.Is(err, ErrClosed) {
		t.Fatalf("what was overtaken takes more: %v", err)
	}
	if p := m.grow(a, 0, 3); p == old || p.Next() != 7 {
		t.Fatalf("it goes on at %d", p.Next())
	}
	m.check(1)
}

func TestAClosedTreeIsClosedForAllNodes(t *testing.T) {
	m := newTeam(t, 2)
	a, b := m.nodes[0], m.nodes[1]
	old := m.grow(a, 0, 10)
	m.round(a)
	m.round(b)
	other := m.grow(b, 0, 5)
	old.Close("topic deleted")
	other.Close("topic deleted")
	m.round(a)
	m.round(b)
	if head, _ := b.Head(old.origin); head.Size != 10 || !head.Closed {
		t.Fatalf("%+v", head)
	}
	if p := m.grow(b, 0, 1); p.origin == old.origin || p.Next() != 1 {
		t.Fatalf("%s goes on at %d", p.origin, p.Next())
	}
	m.check(1)
}

// faults are drawn for one in some of all requests.
func faults(r *rand.Rand, oneIn int) func(*http.Request) buckettest.Fault {
	return func(req *http.Request) buckettest.Fault {
		if r.IntN(oneIn) > 0 {
			return buckettest.None
		}
		f := buckettest.Fault(1 + r.IntN(int(buckettest.Late)))
		if req.Method != http.MethodPut && (f == buckettest.Conflict || f == buckettest.Full) {
			f = buckettest.Busy
		}
		return f
	}
}

// Whatever the bucket does to requests, whoever follows what, and whoever
// crashes, with or without a folder that is left: there is one history.
func TestThereIsOneHistory(t *testing.T) {
	const steps, partitions = 80, 4
	for seed := range uint64(3) {
		r := rand.New(rand.NewPCG(seed, 1))
		m := newTeam(t, 3)
		fault := faults(rand.New(rand.NewPCG(seed, 2)), 3+int(seed))
		for range steps {
			m.store.Fail(fault)
			n := m.nodes[r.IntN(len(m.nodes))]
			switch r.IntN(20) {
			case 0:
				m.store.Fail(nil)
				m.crash(n, vfs.KeepRandom(r.Uint64()), r.IntN(3) == 0)
			case 1, 2, 3, 4, 5, 6, 7, 8:
				m.round(n)
			case 9:
				m.grow(n, r.Int32N(partitions), 2000) // too much for the local journal
			default:
				m.grow(n, r.Int32N(partitions), 1+r.IntN(5))
			}
		}
		m.store.Fail(nil)
		m.check(partitions)
		for _, n := range m.nodes {
			_ = n.Close()
		}
	}
}

// crash lets a node begin again with what a power cut leaves, or with nothing.
func (m *team) crash(n *node, keep vfs.Keep, empty bool) {
	m.t.Helper()
	left := n.disk.Crash(keep)
	_ = n.Close()
	n.disk = left
	if empty {
		n.disk = m.newDisk()
	}
	m.open(n)
}

// A write that nobody answers may be done, now or later.
func TestARoundWithAnUncertainOutcomeIsRecognized(t *testing.T) {
	for _, fault := range []buckettest.Fault{buckettest.LostBefore, buckettest.LostAfter, buckettest.Late} {
		m := newTeam(t, 2)
		a, b := m.nodes[0], m.nodes[1]
		m.grow(a, 0, 10)
		m.store.Fail(func(r *http.Request) buckettest.Fault {
			if r.Method == http.MethodPut {
				return fault
			}
			return buckettest.None
		})
		m.round(a)
		m.store.Fail(nil)
		m.grow(a, 0, 5)
		m.grow(b, 1, 5)
		m.round(b)
		m.round(a)
		m.check(2)
		head, err := b.Newest("orders", "0")
		if h, _ := b.Head(head); err != nil || h.Size != 15 {
			t.Errorf("fault %d: %d leaves, %v", fault, h.Size, err)
		}
	}
}

func TestABucketThatWasSetBackIsRefused(t *testing.T) {
	m := newTeam(t, 2)
	a, b := m.nodes[0], m.nodes[1]
	m.grow(a, 0, 10)
	m.round(a)
	m.round(b)
	old := m.store.Objects()
	m.grow(a, 0, 10)
	m.round(a)
	m.store.Restore(old)
	m.grow(a, 0, 10)
	if err := a.Ledger.round(t.Context()); !errors.Is(err, shared.ErrSetBack) {
		t.Errorf("a node that runs: %v", err)
	}
	_ = a.Close()
	if _, err := OpenShared(t.Context(), m.config(a.disk), m.bucket); !errors.Is(err, shared.ErrSetBack) {
		t.Errorf("a node that starts: %v", err)
	}
	// Another node has not seen more, and goes on: another history begins, which
	// the first node does not join.
	m.grow(b, 0, 3)
	m.grow(b, 1, 30)
	if err := b.Ledger.round(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenShared(t.Context(), m.config(a.disk), m.bucket); !errors.Is(err, shared.ErrSetBack) {
		t.Errorf("a node of another history: %v", err)
	}
}

// The bucket's own checkpoint tells a node that has nothing.
func TestABucketWithoutItsNewestBlockIsRefused(t *testing.T) {
	m := newTeam(t, 1)
	m.grow(m.nodes[0], 0, 10)
	m.round(m.nodes[0])
	objects := m.store.Objects()
	delete(objects, "a/ledger/blocks/000000000000")
	m.store.Restore(objects)
	if _, err := OpenShared(t.Context(), m.config(m.newDisk()), m.bucket); !errors.Is(err, ErrSetBack) {
		t.Errorf("%v", err)
	}
}

func TestOnlyNodesWithTheKeysShareALedger(t *testing.T) {
	m := newTeam(t, 1)
	m.grow(m.nodes[0], 0, 10)
	m.round(m.nodes[0])
	cfg := m.config(newDisk(t))
	if _, err := OpenShared(t.Context(), cfg, m.bucket); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without keys: %v", err)
	}
	m.keys = newKeys(t)
	cfg.FS = m.newDisk()
	if _, err := OpenShared(t.Context(), cfg, m.bucket); !errors.Is(err, shared.ErrOther) {
		t.Errorf("with other keys: %v", err)
	}
}

// Who can write to the bucket can stop the ledger, and not put leaves into it.
func TestARoundOfNobodyIsRefused(t *testing.T) {
	m := newTeam(t, 1)
	n := m.nodes[0]
	p := m.grow(n, 0, 10)
	m.round(n)
	j := shared.New(m.bucket)
	for {
		if r, err := j.Next(t.Context()); err != nil {
			t.Fatal(err)
		} else if r == nil {
			break
		}
	}
	r := n.newRound()
	head, _ := n.Head(p.origin)
	r.Roots = [][]byte{n.rootEntry(5, head.Checkpoint, "topic deleted")}
	if err := j.Propose(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if err := n.Ledger.round(t.Context()); !errors.Is(err, shared.ErrDamaged) {
		t.Errorf("%v", err)
	}
}

func TestAFolderIsOfOneBucketOrOfNone(t *testing.T) {
	m := newTeam(t, 1)
	n := m.nodes[0]
	m.grow(n, 0, 10)
	m.round(n)
	_ = n.Close()
	if _, err := Open(m.config(n.disk)); err == nil {
		t.Error("a shared folder is opened alone")
	}
	if _, err := OpenShared(t.Context(), m.config(n.disk), buckettest.New(t).Bucket(t)); !errors.Is(err, shared.ErrOther) {
		t.Errorf("with another bucket: %v", err)
	}
	alone := newDisk(t)
	r := start(t, alone)
	add(t, r.partition(0), 3)
	r.end()
	if _, err := OpenShared(t.Context(), Config{FS: alone, Dir: "/data/ledger", Origin: testOrigin}, m.bucket); err == nil {
		t.Error("the folder of one node is shared")
	}
}

// Salts are in each node's folder and in the bucket.
func TestAnErasureReachesAllNodesAndTheBucket(t *testing.T) {
	m := newTeam(t, 2)
	a, b := m.nodes[0], m.nodes[1]
	for range 3 {
		m.grow(a, 1, 20)
		m.grow(a, 0, 10)
		m.round(a)
	}
	m.round(b)
	tr := orders(0)
	tr.Deployment = testOrigin
	id, _ := a.store.Find(tr.Origin())
	salt, err := a.store.ReadSalt(id, 12)
	if err != nil {
		t.Fatal(err)
	}
	m.grow(b, 1, 3) // a's proposal must give way
	m.round(b)
	answer := make(chan erasedAnswer, 1)
	if err := a.erase(t.Context(), &eraseRequest{tr, []proof.Range{{First: 12, Last: 13}, {First: 25, Last: 25}}, "somebody", answer}); err != nil {
		t.Fatal(err)
	}
	if got := <-answer; got.err != nil || len(got.entries) != 1 {
		t.Fatalf("%+v", got)
	}
	m.round(b)
	late := &node{disk: m.newDisk()}
	m.open(late)
	m.nodes = append(m.nodes, late)
	for i, n := range m.nodes {
		r := &running{Ledger: n.Ledger, t: t}
		id, _ := n.store.Find(tr.Origin())
		for offset := range int64(30) {
			_, err := n.store.ReadSalt(id, offset)
			if erased := offset == 12 || offset == 13 || offset == 25; (err != nil) != erased {
				t.Errorf("node %d, offset %d: %v", i, offset, err)
			} else if !erased {
				r.proven(&Partition{origin: tr.Origin()}, offset)
			}
		}
	}
	for name, o := range m.store.Objects() {
		if bytes.Contains(o, salt[:]) {
			t.Errorf("%s has the salt", name)
		}
	}
	m.check(2)
}

// Run makes rounds of several nodes at once.
func TestNodesRaceForRounds(t *testing.T) {
	m := newTeam(t, 3)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, len(m.nodes))
	for _, n := range m.nodes {
		n.cfg.Records, n.cfg.Interval = 50, 10*time.Millisecond // rounds come early
		go func() { done <- n.Run(ctx) }()
	}
	trees := make([]*Partition, len(m.nodes))
	for range 30 {
		for i, n := range m.nodes {
			p, err := n.Open(orders(int32(i)))
			if err != nil {
				t.Fatal(err)
			}
			add(t, p, 40)
			trees[i] = p
		}
	}
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for _, p := range trees { // a last round may come too late on a slow machine
		for p.Durable() < 30*40 {
			<-again.C
		}
	}
	stop()
	for range m.nodes {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range m.nodes {
		m.open(n)
	}
	m.check(3)
	for i := range m.nodes {
		origin, err := m.nodes[0].Newest("orders", string(rune('0'+i)))
		if head, _ := m.nodes[0].Head(origin); err != nil || head.Size != 30*40 {
			t.Errorf("partition %d has %d leaves, %v", i, head.Size, err)
		}
	}
}

// S3 answers one of two writes at once so, which says nothing of the store.
func TestAWriteThatMetAnotherIsDoneInTheSameRound(t *testing.T) {
	m := newTeam(t, 1)
	n := m.nodes[0]
	meets := 3
	m.store.Fail(func(r *http.Request) buckettest.Fault {
		if meets--; r.Method == http.MethodPut && meets >= 0 {
			return buckettest.Conflict
		}
		return buckettest.None
	})
	p := m.grow(n, 0, 5)
	m.round(n)
	if p.Durable() != 5 || n.sharing.down {
		t.Errorf("%d leaves are durable; the bucket is down: %v", p.Durable(), n.sharing.down)
	}
	m.store.Fail(func(r *http.Request) buckettest.Fault {
		if r.Method == http.MethodPut {
			return buckettest.Conflict
		}
		return buckettest.None
	})
	add(t, p, 5)
	m.round(n)
	if p.Durable() != 5 || !n.sharing.down {
		t.Errorf("%d leaves are durable; the bucket, which takes no write, is down: %v", p.Durable(), n.sharing.down)
	}
	m.store.Fail(nil)
	m.round(n)
	if p.Durable() != 10 || n.sharing.down {
		t.Errorf("%d leaves are durable; the bucket is down: %v", p.Durable(), n.sharing.down)
	}
}

// Witnesses may have a checkpoint of another node that this one has not seen yet.
func TestASizeThatAnotherNodeSignedIsAwaited(t *testing.T) {
	m := newTeam(t, 2)
	a, b := m.nodes[0], m.nodes[1]
	m.grow(a, 0, 10)
	m.round(a)
	seen := make(chan struct{})
	go func() {
		b.AwaitSize(t.Context(), a.Size())
		close(seen)
	}()
	m.round(b)
	<-seen
	if b.Size() != a.Size() {
		t.Errorf("%d, want %d", b.Size(), a.Size())
	}
}

// erase asks a node for an erasure, as who calls Erase while Run has the ledger.
func (m *team) erase(n *node, partition int32, offset int64) error {
	m.t.Helper()
	answer := make(chan erasedAnswer, 1)
	if err := n.Ledger.erase(m.t.Context(), &eraseRequest{orders(partition), []proof.Range{{First: offset, Last: offset}}, "somebody", answer}); err != nil {
		m.t.Fatal(err)
	}
	return (<-answer).err
}

// Who asks is told whether the erasure may come about after all.
func TestAnErasureThatTheBucketDoesNotConfirmMayComeLater(t *testing.T) {
	m := newTeam(t, 1)
	n := m.nodes[0]
	p := m.grow(n, 0, 10)
	m.round(n)
	m.store.Fail(func(*http.Request) buckettest.Fault { return buckettest.Broken })
	if err := m.erase(n, 0, 3); !errors.Is(err, ErrUnreachable) || errors.Is(err, ErrMayCome) {
		t.Errorf("nothing was sent: %v", err)
	}
	m.store.Fail(func(r *http.Request) buckettest.Fault {
		if r.Method == http.MethodPut {
			return buckettest.Late
		}
		return buckettest.None
	})
	if err := m.erase(n, 0, 4); !errors.Is(err, ErrUnreachable) || !errors.Is(err, ErrMayCome) {
		t.Errorf("it was sent: %v", err)
	}
	m.store.Fail(nil)
	m.round(n)
	if err := n.WasErased(p.origin, 3); err != nil {
		t.Errorf("what was not sent: %v", err)
	}
	if err := n.WasErased(p.origin, 4); err == nil {
		t.Error("what was sent is forgotten")
	}
}

// A node that was away reads many rounds at once: few leaves of a tree, then many.
func TestRoundsThatAreReadAtOnceAreInOrder(t *testing.T) {
	m := newTeam(t, 2)
	a, b := m.nodes[0], m.nodes[1]
	var p *Partition
	for _, count := range []int{3, 5, 2000} {
		p = m.grow(a, 0, count)
		m.round(a)
	}
	m.round(b)
	r := &running{Ledger: b.Ledger, t: t}
	for _, offset := range []int64{0, 2, 3, 7, 8, 9, 255, 256, 2007} {
		r.proven(&Partition{origin: p.origin}, offset)
	}
	m.check(1)
}
