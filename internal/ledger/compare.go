package ledger

import (
	"github.com/evidentlog/evident/internal/ledger/leaves"
	"github.com/evidentlog/evident/internal/ledger/store"
	"github.com/evidentlog/evident/internal/ledger/tree"
	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/proof"
)

// Compare tells whether the records of a batch are those that the tree's durable
// leaves were made of: differs is the first offset where they are not, same the
// last where they are, each -1 if there is none. Records that were erased, or
// could not be read when their leaf was made, tell nothing.
func (p *Partition) Compare(b batch.Batch) (differs, same int64, err error) {
	id, ok := p.ledger.store.Find(p.origin)
	if !ok {
		return -1, -1, nil
	}
	w := leafWindow{store: p.ledger.store, id: id, size: p.Durable()}
	differs, same = -1, -1
	for r, err := range p.ledger.codecs.Records(b) {
		if err != nil || r.Offset >= w.size {
			return differs, same, nil // the rest is nothing that can be compared
		}
		equal, known, err := w.compare(r.Offset, leaves.Open(b, r))
		switch {
		case err != nil:
			return -1, -1, err
		case known && equal:
			same = r.Offset
		case known:
			return r.Offset, same, nil
		}
	}
	return differs, same, nil
}

// LastKnown is the last offset below another whose leaf can be compared with a
// record: its salt is there. It is -1 if there is none.
func (p *Partition) LastKnown(below int64) (int64, error) {
	id, ok := p.ledger.store.Find(p.origin)
	if !ok {
		return -1, nil
	}
	w := leafWindow{store: p.ledger.store, id: id, size: p.Durable()}
	for offset := min(below, w.size) - 1; offset >= 0; offset-- {
		if err := w.move(offset); err != nil {
			return -1, err
		}
		if w.salt(offset) != (proof.Salt{}) {
			return offset, nil
		}
		if offset == w.first {
			offset = p.ledger.erasedFrom(id, offset)
		}
	}
	return -1, nil
}

// erasedFrom is where the erased range begins that has an offset, or the offset if it
// was not erased: retention erases all that a tree had, over the years.
func (l *Ledger) erasedFrom(id store.TreeID, offset int64) int64 {
	e, _ := l.store.Erased(id, offset)
	for _, r := range e.Offsets {
		if r.First <= offset && offset <= r.Last {
			return r.First
		}
	}
	return offset
}

// A leafWindow reads leaves of a tree up to a size, a bundle at a time.
type leafWindow struct {
	store          *store.Store
	id             store.TreeID
	size           int64
	first          int64 // leaf of the window; of no window if there are no salts
	entries, salts []byte
}

const bundledEntry = 2 + proof.EntrySize

// compare tells whether a leaf was made of a record, if that can be known.
func (w *leafWindow) compare(offset int64, r proof.Record) (equal, known bool, err error) {
	if err := w.move(offset); err != nil {
		return false, false, err
	}
	salt := w.salt(offset)
	if salt == (proof.Salt{}) {
		return false, false, nil
	}
	i := int(offset - w.first)
	entry := string(w.entries[i*bundledEntry+2 : (i+1)*bundledEntry])
	lost := proof.LostRecord(proof.Unreadable)
	if entry == entryOf(offset, salt[:], &lost) {
		return false, false, nil
	}
	return entry == entryOf(offset, salt[:], &r), true, nil
}

// entryOf is the entry of a record.
func entryOf(offset int64, salt []byte, r *proof.Record) string {
	opening := r.AppendCanonical(append([]byte(nil), salt...))
	e := proof.Entry{Offset: offset, Timestamp: r.Timestamp, Commitment: proof.Commit(opening)}
	return string(e.Append(nil))
}

// salt is that of a leaf in the window; zeros if it was destroyed.
func (w *leafWindow) salt(offset int64) proof.Salt {
	return proof.Salt(w.salts[(offset-w.first)*proof.SaltSize:][:proof.SaltSize])
}

// move reads the bundle that an offset lies in.
func (w *leafWindow) move(offset int64) (err error) {
	first := offset - offset%tree.TileWidth
	if w.salts != nil && first == w.first {
		return nil
	}
	count := int(min(tree.TileWidth, w.size-first))
	w.first = first
	if w.entries, err = w.store.ReadEntries(w.id, first, count); err != nil {
		return err
	}
	w.salts, err = w.store.ReadSalts(w.id, first, count)
	return err
}
