package proof

import (
	"bytes"
	"crypto/ed25519"
	"testing"
	"time"

	"filippo.io/mldsa"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// clock is what the tests' keys take for the time.
func clock() time.Time { return time.Unix(1795629200, 0) }

func seed(b byte) []byte { return bytes.Repeat([]byte{b}, ed25519.SeedSize) }

func must[T any](t testing.TB) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func ed25519Signer(t testing.TB, name string, b byte) *Signer {
	t.Helper()
	return must[*Signer](t)(NewEd25519Signer(name, ed25519.NewKeyFromSeed(seed(b))))
}

func witness(t testing.TB, name string, b byte) *Signer {
	t.Helper()
	return must[*Signer](t)(NewEd25519Cosigner(name, ed25519.NewKeyFromSeed(seed(b)), clock))
}

func mldsaSigner(t testing.TB, name string, b byte) *Signer {
	t.Helper()
	key := must[*mldsa.PrivateKey](t)(mldsa.NewPrivateKey(mldsa.MLDSA44(), seed(b)))
	return must[*Signer](t)(NewMLDSA44Signer(name, key, clock))
}

// A forest is a tree in memory.
type forest struct {
	origin string
	hashes []tlog.Hash
	size   int64
}

func (f *forest) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var hashes []tlog.Hash
	for _, i := range indexes {
		hashes = append(hashes, f.hashes[i])
	}
	return hashes, nil
}

func (f *forest) add(t testing.TB, entry []byte) {
	t.Helper()
	f.hashes = append(f.hashes, must[[]tlog.Hash](t)(tlog.StoredHashes(f.size, entry, f))...)
	f.size++
}

func (f *forest) head(t testing.TB) Checkpoint {
	t.Helper()
	return Checkpoint{f.origin, f.size, must[tlog.Hash](t)(tlog.TreeHash(f.size, f))}
}

func (f *forest) prove(t testing.TB, index int64, extra []byte, signers ...note.Signer) *Inclusion {
	t.Helper()
	path := must[tlog.RecordProof](t)(tlog.ProveRecord(f.size, index, f))
	signed := must[[]byte](t)(note.Sign(&note.Note{Text: f.head(t).String()}, signers...))
	return &Inclusion{Extra: extra, Index: index, Path: path, Signed: string(signed)}
}

// A deployment is a root log over the tree of one partition.
type deployment struct {
	ed, pq    *Signer
	partition *Signer
	witnesses []*Signer
	tree      forest
	root      forest
	openings  [][]byte // salt and canonical form, by offset
	external  bool     // the log is
}

const testOrigin = "example.com/events"

func newDeployment(t testing.TB, records ...Record) *deployment {
	t.Helper()
	tree := Tree{testOrigin, "orders", "AAAAAAAAAAAAAAAAAAAAAQ", 3, 0}
	d := &deployment{
		ed:        ed25519Signer(t, testOrigin, 1),
		pq:        mldsaSigner(t, testOrigin, 2),
		partition: ed25519Signer(t, tree.Origin(), 1),
		tree:      forest{origin: tree.Origin()},
		root:      forest{origin: testOrigin},
	}
	for i, r := range records {
		salt := Salt{byte(i), 7}
		opening := r.AppendCanonical(salt[:])
		e := Entry{int64(i), r.Timestamp, Commit(opening)}
		d.tree.add(t, e.Append(nil))
		d.openings = append(d.openings, opening)
	}
	for range 5 {
		d.root.add(t, []byte("other"))
	}
	return d
}

// file proves records by their offsets.
func (d *deployment) file(t testing.TB, offsets ...int64) *File {
	t.Helper()
	entry := RootEntry{Kind: HeadEntry, Time: 1795629123456, Checkpoint: d.tree.head(t), External: d.external}
	d.root.add(t, entry.Bytes())
	signers := []note.Signer{d.ed, d.pq}
	for _, w := range d.witnesses {
		signers = append(signers, w)
	}
	h := Head{Root: d.root.prove(t, d.root.size-1, entry.Bytes(), signers...)}
	for _, o := range offsets {
		h.Records = append(h.Records, d.tree.prove(t, o, d.openings[o], d.partition))
	}
	return &File{Heads: []Head{h}}
}

func (d *deployment) trust() Trust { return Trust{Keys: []*Verifier{d.ed.Verifier, d.pq.Verifier}} }

func order(i int) Record {
	return Record{
		Kind: Data, Timestamp: 1795629100000 + int64(i), ProducerID: -1, ProducerEpoch: -1,
		Key: []byte("alice"), Value: []byte(`{"id":1042,"total":"9.90"}`),
		Headers: []Header{{"ce_type", []byte("OrderPlaced")}, {"note", nil}},
	}
}

func orders(n int) []Record {
	var all []Record
	for i := range n {
		all = append(all, order(i))
	}
	return all
}
