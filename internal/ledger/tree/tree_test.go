package tree

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/evidentlog/evident/proof"
	"golang.org/x/mod/sumdb/tlog"
)

// ReadTile reads from the streams as from a disk.
func (s *Streams) ReadTile(level int, n int64, width int) ([]byte, error) {
	from := n * TileWidth * tlog.HashSize
	to := from + int64(width)*tlog.HashSize
	if to > int64(len(s[level])) {
		return nil, fmt.Errorf("tile %d/%d of %d hashes is not there", level, n, width)
	}
	return append([]byte(nil), s[level][from:to]...), nil
}

func leaf(i int64) proof.Hash { return tlog.RecordHash(fmt.Appendf(nil, "entry %d", i)) }

// grow returns a tree of n leaves and its streams.
func grow(n int64) (*Tree, *Streams) {
	t, s := &Tree{}, &Streams{}
	for i := range n {
		t.Append(leaf(i), s)
	}
	return t, s
}

func TestRootsAreThoseOfTheReference(t *testing.T) {
	grown, s := &Tree{}, &Streams{}
	var stored []tlog.Hash
	all := tlog.HashReaderFunc(func(indexes []int64) (list []tlog.Hash, err error) {
		for _, i := range indexes {
			list = append(list, stored[i])
		}
		return list, nil
	})
	for n := int64(0); n < 1000; n++ {
		want, err := tlog.TreeHash(n, all)
		if err != nil {
			t.Fatal(err)
		}
		if got := grown.Root(); got != want || grown.Size() != n {
			t.Fatalf("size %d: root %v of %d leaves, want %v", n, got, grown.Size(), want)
		}
		more, err := tlog.StoredHashesForRecordHash(n, leaf(n), all)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, more...)
		grown.Append(leaf(n), s)
	}
}

func TestResumedTreesGoOnAlike(t *testing.T) {
	const most = 70_000
	grown, streams := &Tree{}, &Streams{}
	at := map[int64]bool{0: true, 1: true, 255: true, 256: true, 257: true, 300: true, 65_535: true, 65_536: true, 65_537: true, 69_999: true}
	for i := range int64(most) {
		if at[i] {
			resumed, err := Resume(i, streams)
			if err != nil || resumed.Root() != grown.Root() {
				t.Fatalf("size %d: root %v, %v, want %v", i, resumed.Root(), err, grown.Root())
			}
			before := grown.Root()
			resumed.Append(leaf(i), &Streams{})
			if grown.Root() != before {
				t.Fatal("a resumed tree shares memory with another")
			}
			defer func(got proof.Hash) {
				shorter, _ := grow(i + 1)
				if got != shorter.Root() {
					t.Errorf("size %d: root after one more leaf is %v, want %v", i, got, shorter.Root())
				}
			}(resumed.Root())
		}
		grown.Append(leaf(i), streams)
	}
	for level, want := range []int{most, most / 256, most / 256 / 256, 0} {
		if got := len(streams[level]) / tlog.HashSize; got != want {
			t.Errorf("level %d has %d hashes, want %d", level, got, want)
		}
	}
}

func TestProofsVerify(t *testing.T) {
	const size = 66_000
	grown, s := grow(size)
	c := proof.Checkpoint{Origin: "o", Size: size, Root: grown.Root()}
	for _, i := range []int64{0, 255, 256, 65_535, 65_536, size - 1} {
		path, err := ProveInclusion(c, i, s)
		if err == nil {
			err = tlog.CheckRecord(path, c.Size, c.Root, i, leaf(i))
		}
		if err != nil {
			t.Errorf("entry %d: %v", i, err)
		}
	}
	for _, old := range []int64{1, 255, 256, 65_537, size - 1} {
		shorter, _ := grow(old)
		path, err := ProveConsistency(c, old, s)
		if err == nil {
			err = tlog.CheckTree(path, c.Size, c.Root, old, shorter.Root())
		}
		if err != nil {
			t.Errorf("size %d: %v", old, err)
		}
		if root, err := RootAt(c, old, s); err != nil || root != shorter.Root() {
			t.Errorf("root at %d: %v, %v, want %v", old, root, err, shorter.Root())
		}
	}
}

func TestProofsOutsideTheTreeAreRefused(t *testing.T) {
	grown, s := grow(10)
	c := proof.Checkpoint{Origin: "o", Size: 10, Root: grown.Root()}
	for _, i := range []int64{-1, 10, 11} {
		if _, err := ProveInclusion(c, i, s); err == nil {
			t.Errorf("index %d: proven", i)
		}
	}
	for _, old := range []int64{-1, 11} {
		if _, err := ProveConsistency(c, old, s); err == nil {
			t.Errorf("size %d: proven", old)
		}
	}
}

func TestADamagedTileGivesNoProof(t *testing.T) {
	const size = 66_000
	grown, s := grow(size)
	c := proof.Checkpoint{Origin: "o", Size: size, Root: grown.Root()}
	for level := range 3 {
		s[level][5] ^= 1
		if _, err := ProveInclusion(c, 0, s); err == nil {
			t.Errorf("level %d: a proof from a damaged tile", level)
		}
		s[level][5] ^= 1
	}
	if _, err := ProveInclusion(c, 0, missing{}); !errors.Is(err, errGone) {
		t.Errorf("missing tiles: %v", err)
	}
}

var errGone = errors.New("gone")

type missing struct{}

func (missing) ReadTile(int, int64, int) ([]byte, error) { return nil, errGone }

func TestWidths(t *testing.T) {
	for _, c := range []struct {
		size  int64
		level int
		n     int64
		want  int
	}{{70_000, 0, 272, 256}, {70_000, 0, 273, 112}, {70_000, 0, 274, 0}, {70_000, 1, 0, 256}, {70_000, 1, 1, 17}, {70_000, 2, 0, 1}, {70_000, 3, 0, 0}, {256, 1, 0, 1}, {0, 0, 0, 0}} {
		if got := Width(c.size, c.level, c.n); got != c.want {
			t.Errorf("Width(%d, %d, %d) = %d, want %d", c.size, c.level, c.n, got, c.want)
		}
	}
}

// A grower gives the tree, and the hashes above level 0, that leaves give one by one.
func TestManyLeavesGiveTheSameTree(t *testing.T) {
	g := NewGrower()
	var many, single [2]*Tree // two trees share the grower
	var manyStreams, singleStreams [2]Streams
	for i := range many {
		many[i], single[i] = &Tree{}, &Tree{}
	}
	for n := int64(0); many[0].Size() < 70_000; n++ {
		i := n % 2
		leaves := make([]proof.Hash, rand.IntN(1<<rand.IntN(14)))
		for j := range leaves {
			leaves[j] = leaf(rand.Int64())
			single[i].Append(leaves[j], &singleStreams[i])
		}
		g.Append(many[i], leaves, &manyStreams[i])
		if many[i].Size() != single[i].Size() || many[i].Root() != single[i].Root() {
			t.Fatalf("%d leaves more: size %d, want %d; root %v, want %v", len(leaves), many[i].Size(), single[i].Size(), many[i].Root(), single[i].Root())
		}
	}
	for i := range many {
		if !reflect.DeepEqual(manyStreams[i][1:], singleStreams[i][1:]) {
			t.Error("hashes of tiles differ")
		}
	}
}

// Every leaf of trees of all shapes has the path that package tlog gives it.
func TestPathsAreThoseOfRFC6962(t *testing.T) {
	for _, size := range []int64{1, 2, 3, 255, 256, 257, 700, 65_536, 70_001} {
		grown, s := grow(size)
		c := proof.Checkpoint{Origin: "o", Size: size, Root: grown.Root()}
		reference := tlog.TileHashReader(tlog.Tree{N: size, Hash: c.Root}, tiles{s})
		for i := int64(0); i < size; i += 1 + size/50 {
			path, err := ProveInclusion(c, i, s)
			want, wantErr := tlog.ProveRecord(size, i, reference)
			if err != nil || wantErr != nil || !slices.Equal(path, want) {
				t.Fatalf("index %d of %d: %v, %v, want %v, %v", i, size, path, err, want, wantErr)
			}
		}
	}
}

func BenchmarkProveInclusion(b *testing.B) {
	const size = 1_000_000
	grown, s := grow(size)
	c := proof.Checkpoint{Origin: "o", Size: size, Root: grown.Root()}
	for b.Loop() {
		if _, err := ProveInclusion(c, rand.Int64N(size), s); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	leaves := make([]proof.Hash, GrowAtOnce)
	for name, grow := range map[string]func(*Tree, *Streams){
		"single": func(t *Tree, s *Streams) {
			for i := range leaves {
				t.Append(leaves[i], s)
			}
		},
		"many": func() func(*Tree, *Streams) {
			g := NewGrower()
			return func(t *Tree, s *Streams) { g.Append(t, leaves, s) }
		}(),
	} {
		b.Run(name, func(b *testing.B) {
			t, s := &Tree{}, &Streams{}
			for b.Loop() {
				grow(t, s)
				for level := range s {
					s[level] = s[level][:0]
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(leaves)), "ns/leaf")
		})
	}
}

// A tile that is added by its root leads to the same tree, and the same hashes above
// the leaves, as its leaves do.
func TestATileIsItsLeaves(t *testing.T) {
	var byLeaf, byTile Tree
	var leafStreams, tileStreams Streams
	for n := range 2*TileWidth + 3 {
		var tile []byte
		for i := range TileWidth {
			h := tlog.RecordHash([]byte{byte(n >> 8), byte(n), byte(i)})
			byLeaf.Append(h, &leafStreams)
			tile = append(tile, h[:]...)
		}
		byTile.AppendTile(Fold(tile), &tileStreams)
		if byLeaf.Root() != byTile.Root() || byLeaf.Size() != byTile.Size() {
			t.Fatalf("%d tiles: %d leaves with root %v, and %d with %v", n+1, byTile.Size(), byTile.Root(), byLeaf.Size(), byLeaf.Root())
		}
	}
	for level := 1; level < Levels; level++ {
		if !bytes.Equal(leafStreams[level], tileStreams[level]) {
			t.Errorf("level %d has other hashes", level)
		}
	}
}
