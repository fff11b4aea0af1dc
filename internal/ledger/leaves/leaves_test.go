package leaves

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"reflect"
	"syscall"
	"testing"

	"github.com/evidentlog/evident/internal/ledger/tree"
	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/proof"
)

var codecs batch.Codecs

func build(t testing.TB, h batch.Head, records ...batch.Record) batch.Batch {
	t.Helper()
	b := codecs.NewBuilder(h)
	for _, r := range records {
		if err := b.AppendAt(r); err != nil {
			t.Fatal(err)
		}
	}
	built, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return built
}

// opened checks the leaves of a growth against the tree, and returns the
// records that open them.
func opened(t *testing.T, g *Growth, want []proof.Record) {
	t.Helper()
	if got := len(g.Salts) / proof.SaltSize; got != len(want) || g.Next()-g.First != int64(len(want)) {
		t.Fatalf("%d salts, offsets %d to %d, want %d", got, g.First, g.Next(), len(want))
	}
	check, streams := &tree.Tree{}, &tree.Streams{}
	salts := map[proof.Salt]bool{}
	for i, r := range want {
		e, err := proof.ParseEntry(g.Entries[i*51+2 : (i+1)*51])
		if err != nil {
			t.Fatal(err)
		}
		salt := proof.Salt(g.Salts[i*16:])
		if salts[salt] || salt == (proof.Salt{}) {
			t.Errorf("salt %x of offset %d is not random", salt, e.Offset)
		}
		salts[salt] = true
		wanted := proof.Entry{Offset: g.First + int64(i), Timestamp: r.Timestamp, Commitment: sha256.Sum256(r.AppendCanonical(salt[:]))}
		if e != wanted {
			t.Errorf("offset %d: entry %+v, want %+v of %+v", e.Offset, e, wanted, r)
		}
		check.Append(e.LeafHash(), streams)
	}
	if g.First == 0 && check.Root() != g.Tree.Root() {
		t.Errorf("root %v, and the entries give %v", g.Tree.Root(), check.Root())
	}
}

func TestEachOffsetIsALeaf(t *testing.T) {
	m, g := New(&codecs), &Growth{Tree: &tree.Tree{}}
	var none batch.Headers
	plain := build(t, batch.Head{BaseOffset: 2, Codec: batch.Zstd},
		batch.Record{Offset: 2, Timestamp: 70, Key: []byte("k"), Value: []byte("v"), Headers: none.Append("a", []byte("1")).Append("a", nil)},
		batch.Record{Offset: 5, Timestamp: 71, Value: []byte{}}, // 3 and 4 were compacted away
	)
	transactional := build(t, batch.Head{BaseOffset: 6, Transactional: true, AppendTime: 90, Producer: &batch.Producer{ID: 4, Epoch: 2}},
		batch.Record{Offset: 6, Timestamp: 1, Key: []byte("t")})
	marker := build(t, batch.Head{BaseOffset: 7, Transactional: true, Control: true, Producer: &batch.Producer{ID: 4, Epoch: 3, Sequence: -1}},
		batch.Record{Offset: 7, Timestamp: 95, Key: []byte{0, 0, 0, 1}, Value: []byte{0, 0, 0, 0, 0, 0}})
	for _, b := range []batch.Batch{plain, plain, transactional, marker} { // again is as nothing
		if err := m.Batch(g, b); err != nil {
			t.Fatal(err)
		}
	}
	m.Lost(g, 9, proof.Expired)
	removed := proof.LostRecord(proof.Removed)
	opened(t, g, []proof.Record{
		removed, removed,
		{Kind: proof.Data, Timestamp: 70, ProducerID: -1, ProducerEpoch: -1, Key: []byte("k"), Value: []byte("v"),
			Headers: []proof.Header{{Key: "a", Value: []byte("1")}, {Key: "a"}}},
		removed, removed,
		{Kind: proof.Data, Timestamp: 71, ProducerID: -1, ProducerEpoch: -1, Value: []byte{}},
		{Kind: proof.Data, Timestamp: 90, LogAppendTime: true, Transactional: true, ProducerID: 4, ProducerEpoch: 2, Key: []byte("t")},
		{Kind: proof.Control, Timestamp: 95, Transactional: true, ProducerID: 4, ProducerEpoch: 3, Key: []byte{0, 0, 0, 1}, Value: []byte{0, 0, 0, 0, 0, 0}},
		proof.LostRecord(proof.Expired),
	})
	g.Reset()
	if g.First != 9 || g.Next() != 9 || len(g.Entries)+len(g.Salts)+len(g.Hashes[0]) > 0 {
		t.Errorf("after a reset: %+v", g)
	}
}

func TestABatchThatCannotBeReadIsLost(t *testing.T) {
	m, g := New(&codecs), &Growth{Tree: &tree.Tree{}}
	good := build(t, batch.Head{}, batch.Record{Offset: 0, Timestamp: 5, Key: []byte("k")}, batch.Record{Offset: 1, Timestamp: 6})
	broken := append(batch.Batch(nil), good...)
	broken[len(broken)-3] = 0x7f // the length of the second record's key
	if err := m.Batch(g, broken); err == nil {
		t.Fatal("no error")
	}
	opened(t, g, []proof.Record{
		{Kind: proof.Data, Timestamp: 5, ProducerID: -1, ProducerEpoch: -1, Key: []byte("k")},
		proof.LostRecord(proof.Unreadable),
	})
}

// Batches in whatever pieces give the same leaves, but for salts.
func TestLeavesDependOnRecordsAlone(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 1))
	var records []batch.Record
	for offset := int64(0); len(records) < 500; offset += 1 + random.Int64N(3)/2 {
		records = append(records, batch.Record{Offset: offset, Timestamp: random.Int64N(1000), Value: fmt.Append(nil, offset)})
	}
	commit := func() []proof.Record {
		m, g := New(&codecs), &Growth{Tree: &tree.Tree{}}
		for left := records; len(left) > 0; {
			n := 1 + random.IntN(len(left))
			h := batch.Head{BaseOffset: left[0].Offset, Codec: batch.Codec(random.IntN(5))}
			if err := m.Batch(g, build(t, h, left[:n]...)); err != nil {
				t.Fatal(err)
			}
			left = left[n:]
		}
		var all []proof.Record
		for _, r := range records {
			for int64(len(all)) < r.Offset {
				all = append(all, proof.LostRecord(proof.Removed))
			}
			all = append(all, proof.Record{Kind: proof.Data, Timestamp: r.Timestamp, ProducerID: -1, ProducerEpoch: -1, Value: r.Value})
		}
		opened(t, g, all)
		return all
	}
	if !reflect.DeepEqual(commit(), commit()) {
		t.Errorf("seed %d: not the same", seed)
	}
}

// Leaves are made in groups, of which large records are few and small ones many.
func TestGroupsOfAnySizeGiveTheSameLeaves(t *testing.T) {
	m, g := New(&codecs), &Growth{Tree: &tree.Tree{}}
	var want []proof.Record
	for _, sizes := range [][]int{{0, 1, 100_000, 2}, make([]int, 255), make([]int, 256), make([]int, 257), {70_000, 70_000}, {1000}} {
		var records []batch.Record
		for _, n := range sizes {
			r := batch.Record{Offset: int64(len(want)), Timestamp: 7, Value: make([]byte, n)}
			records = append(records, r)
			want = append(want, proof.Record{Kind: proof.Data, Timestamp: 7, ProducerID: -1, ProducerEpoch: -1, Value: r.Value})
		}
		if err := m.Batch(g, build(t, batch.Head{BaseOffset: records[0].Offset}, records...)); err != nil {
			t.Fatal(err)
		}
	}
	opened(t, g, want)
}

// Entry, tree and random salt of a record, from batches of 1,000.
func BenchmarkBatch(b *testing.B) {
	for _, size := range []int{100, 1024} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			const count = 1000
			builder := codecs.NewBuilder(batch.Head{})
			for range count {
				if err := builder.Append(batch.Record{Timestamp: 1, Value: make([]byte, size)}); err != nil {
					b.Fatal(err)
				}
			}
			built, err := builder.Build()
			if err != nil {
				b.Fatal(err)
			}
			m, g := New(&codecs), &Growth{Tree: &tree.Tree{}}
			before := cpu(b)
			for b.Loop() {
				built.SetBaseOffset(g.Next())
				if err := m.Batch(g, built); err != nil {
					b.Fatal(err)
				}
				g.Reset()
			}
			b.ReportMetric(float64(cpu(b)-before)/float64(b.N*count), "CPU-ns/record")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*count), "ns/record")
		})
	}
}

// cpu is the process's CPU time in nanoseconds.
func cpu(b *testing.B) int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}
