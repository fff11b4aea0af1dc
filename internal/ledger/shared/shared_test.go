package shared

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"testing"

	"github.com/evidentlog/evident/internal/bucket"
	"github.com/evidentlog/evident/internal/bucket/buckettest"
	"github.com/evidentlog/evident/proof"
)

func leavesOf(origin string, first int64, count int) Leaves {
	l := Leaves{Origin: origin, First: first}
	for i := range count {
		l.Entries = binary.BigEndian.AppendUint16(l.Entries, proof.EntrySize)
		l.Entries = append(l.Entries, bytes.Repeat([]byte{byte(i)}, proof.EntrySize)...)
		l.Salts = append(l.Salts, bytes.Repeat([]byte{0xee}, proof.SaltSize)...)
	}
	return l
}

func round(size int64, count int) *Round {
	return &Round{
		ID: NewID(), Size: size, Root: proof.Hash{byte(size)}, Leaves: []Leaves{leavesOf("a", size*int64(count), count)},
		Roots: [][]byte{fmt.Appendf(nil, "entry %d", size)},
	}
}

// write proposes rounds until the root log has a size. The larger ones fill a
// block each.
func write(t *testing.T, j *Journal, from, to int64, count int) {
	t.Helper()
	for size := from; size < to; size++ {
		if err := j.Propose(t.Context(), round(size, count)); err != nil {
			t.Fatal(err)
		}
	}
}

func sizes(t *testing.T, j *Journal) (list []int64) {
	t.Helper()
	for {
		r, err := j.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if r == nil {
			return list
		}
		list = append(list, r.Size)
	}
}

func count(from, to int64) (list []int64) {
	for ; from < to; from++ {
		list = append(list, from)
	}
	return list
}

// Leaves of which so many are in a round that two, or one, fill a block.
const half, whole = 2500, 4000

func TestRoundsAreReadInTheOrderInWhichTheyWereWritten(t *testing.T) {
	b := buckettest.New(t).Bucket(t)
	j, reader := New(b), New(b)
	write(t, j, 0, 5, 1)
	if got := sizes(t, reader); !reflect.DeepEqual(got, count(0, 5)) {
		t.Fatal(got)
	}
	write(t, j, 5, 12, half)
	if got := sizes(t, reader); !reflect.DeepEqual(got, count(5, 12)) {
		t.Fatal(got)
	}
	if reader.block < 3 {
		t.Errorf("%d blocks", reader.block+1)
	}
}

func TestAReaderGoesOnWhereItWas(t *testing.T) {
	b := buckettest.New(t).Bucket(t)
	const end = 21
	write(t, New(b), 0, end, half)
	for size := range int64(end + 1) {
		j := New(b)
		last, err := j.Seek(t.Context(), size)
		if err != nil || size > 0 && last.next() != size {
			t.Fatalf("size %d: %+v, %v", size, last, err)
		}
		if got := sizes(t, j); !reflect.DeepEqual(got, count(size, end)) {
			t.Fatalf("size %d: %v", size, got)
		}
	}
	if _, err := New(b).Seek(t.Context(), end+1); !errors.Is(err, ErrSetBack) {
		t.Errorf("%v", err)
	}
	if _, err := New(buckettest.New(t).Bucket(t)).Seek(t.Context(), 1); !errors.Is(err, ErrSetBack) {
		t.Errorf("an empty bucket: %v", err)
	}
}

func TestOnlyOneOfTwoProposalsComesIn(t *testing.T) {
	for _, size := range []int64{0, 1, 2} { // an empty bucket, a block, a full one
		b := buckettest.New(t).Bucket(t)
		one := New(b)
		write(t, one, 0, size, half)
		two := New(b)
		sizes(t, two)
		write(t, one, size, size+1, 1)
		if err := two.Propose(t.Context(), round(size, 2)); !errors.Is(err, bucket.ErrTaken) {
			t.Errorf("after %d rounds: %v", size, err)
		}
		if r, err := two.Next(t.Context()); err != nil || r.Leaves[0].Count() != 1 {
			t.Errorf("after %d rounds: %+v, %v", size, r, err)
		}
		write(t, two, size+1, size+2, 1)
	}
}

// A block that is full is not looked at any more, but where the next is to begin.
func TestNoHoleIsMadeInABucketThatWasSetBack(t *testing.T) {
	s := buckettest.New(t)
	j := New(s.Bucket(t))
	write(t, j, 0, 1, half)
	old := s.Objects()
	write(t, j, 1, 2, half)
	s.Restore(old)
	if err := j.Propose(t.Context(), round(2, 1)); !errors.Is(err, ErrSetBack) {
		t.Errorf("%v", err)
	}
}

func TestErasedSaltsAreGoneFromAllBlocks(t *testing.T) {
	s := buckettest.New(t)
	b := s.Bucket(t)
	j := New(b)
	const end, leaves = 9, int64(half)
	write(t, j, 0, end, half)
	sizeAt := func(root int64) (int64, error) { return min(root, end) * leaves, nil }
	first, last := 2*leaves-3, 6*leaves+1
	if err := j.Erase(t.Context(), "a", first, last, sizeAt); err != nil {
		t.Fatal(err)
	}
	write(t, New(b).at9(t), end, end+1, 1) // blocks go on
	reader := New(b)
	for {
		r, err := reader.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if r == nil {
			break
		}
		l := r.Leaves[0]
		for i := range l.Count() {
			at := l.First + int64(i)
			erased := proof.Salt(l.Salts[i*proof.SaltSize:][:proof.SaltSize]) == proof.Salt{}
			if r.Size < end && erased != (at >= first && at <= last) {
				t.Fatalf("leaf %d: erased is %v", at, erased)
			}
		}
	}
}

func (j *Journal) at9(t *testing.T) *Journal {
	sizes(t, j)
	return j
}

// A node that erases in the newest block must not write the salts back.
func TestWhatWasErasedDoesNotComeBack(t *testing.T) {
	b := buckettest.New(t).Bucket(t)
	j := New(b)
	write(t, j, 0, 3, 1)
	if err := j.Erase(t.Context(), "a", 1, 1, func(root int64) (int64, error) { return root, nil }); err != nil {
		t.Fatal(err)
	}
	r := round(3, 1)
	if err := j.Propose(t.Context(), r); !errors.Is(err, bucket.ErrTaken) {
		t.Fatalf("%v", err)
	}
	if next, err := j.Next(t.Context()); next != nil || err != nil {
		t.Fatalf("%+v, %v", next, err)
	}
	if err := j.Propose(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	reader := New(b)
	for size := range int64(4) {
		r, err := reader.Next(t.Context())
		if err != nil || (proof.Salt(r.Leaves[0].Salts) == proof.Salt{}) != (size == 1) {
			t.Errorf("round %d: %+v, %v", size, r, err)
		}
	}
}

func TestTheSignatureCoversAllButTheSalts(t *testing.T) {
	r := round(3, 2)
	want := r.Message()
	r.Leaves[0].Salts[5] ^= 1
	if !bytes.Equal(want, r.Message()) {
		t.Error("erasing a salt would break it")
	}
	for what, change := range map[string]func(r *Round){
		"id": func(r *Round) { r.ID[0] ^= 1 }, "size": func(r *Round) { r.Size++ }, "root": func(r *Round) { r.Root[0] ^= 1 },
		"origin": func(r *Round) { r.Leaves[0].Origin = "b" }, "first": func(r *Round) { r.Leaves[0].First++ },
		"entry": func(r *Round) { r.Leaves[0].Entries[9] ^= 1 }, "root entry": func(r *Round) { r.Roots[0][0] ^= 1 },
	} {
		r := round(3, 2)
		before := r.Message()
		change(r)
		if bytes.Equal(before, r.Message()) {
			t.Errorf("%s is not covered", what)
		}
	}
}

func TestALedgerIsFoundWithItsOriginAndKeysOnly(t *testing.T) {
	b := buckettest.New(t).Bucket(t)
	ctx := context.Background()
	text, err := Join(ctx, b, "example.com/a", []string{"k1", "k2"})
	if err != nil {
		t.Fatal(err)
	}
	if again, err := Join(ctx, b, "example.com/a", []string{"k1", "k2"}); err != nil || again != text {
		t.Errorf("%q, %v", again, err)
	}
	for _, keys := range [][]string{{"k1"}, {"k1", "k3"}} {
		if _, err := Join(ctx, b, "example.com/a", keys); !errors.Is(err, ErrOther) {
			t.Errorf("%v: %v", keys, err)
		}
	}
	if _, err := Join(ctx, b, "example.com/b", []string{"k1", "k2"}); !errors.Is(err, ErrOther) {
		t.Errorf("%v", err)
	}
	if err := b.Put(ctx, metaName, []byte("evident shared ledger 2\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(ctx, b); !errors.Is(err, ErrOther) {
		t.Errorf("a future version: %v", err)
	}
}

// What is read is written back the same, and nothing is read beyond its end.
func FuzzReadRound(f *testing.F) {
	f.Add(round(7, 3).encode())
	f.Add(round(7, 0).encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > headSize {
			seal(b) // or nothing gets behind the CRC
		}
		r, size, err := readRound(b)
		if err != nil {
			return
		}
		if again := r.encode(); !bytes.Equal(again, b[:size]) {
			items := *r
			if other, _, err := readRound(again); err != nil || !reflect.DeepEqual(*other, items) {
				t.Fatalf("%x is read as %+v", b, r)
			}
		}
	})
}

// A store may refuse writes at once without saying who has won.
func TestNodesThatBeginALedgerAtOnceFindEachOther(t *testing.T) {
	s := buckettest.New(t)
	conflicts := 3
	s.Fail(func(r *http.Request) buckettest.Fault {
		if r.Method == http.MethodPut && conflicts > 0 {
			conflicts--
			return buckettest.Conflict
		}
		return buckettest.None
	})
	b := s.Bucket(t)
	text, err := Join(t.Context(), b, "example.com/a", []string{"k"})
	if err != nil || conflicts > 0 {
		t.Fatalf("%q, %v, %d conflicts are left", text, err, conflicts)
	}
	if got, err := Read(t.Context(), b); got != text || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}
