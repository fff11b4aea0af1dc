package ledger

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/evidentlog/evident/internal/ledger/store"
	"github.com/evidentlog/evident/proof"
)

const (
	// maxBy is how long the name of who asks for an erasure may be, in bytes.
	maxBy = 255
	// rangesInEntry is how many ranges of offsets stand in one entry of the root
	// log: so many that the longest numbers fit in its 64 KiB.
	rangesInEntry = 1000
	// erasedAtOnce is how many salts an entry destroys at most, 64 MiB of them. There
	// is one such entry of a tree in a round, so that other rounds have their turn.
	erasedAtOnce = 4 << 20
)

// An eraseRequest asks Run to erase.
type eraseRequest struct {
	tree    proof.Tree
	offsets []proof.Range
	by      string
	answer  chan erasedAnswer
}

type erasedAnswer struct {
	entries []Erased
	err     error
}

// Erased is an entry of the root log that says that records were erased.
type Erased struct {
	Origin string
	store.Erasure
}

// Erase destroys the salts of offsets of a partition for good, in all
// generations of its tree that have them, after the root log says so:
// t.Deployment and t.Generation are ignored. by is who asked for it; it must not
// name whom the records are about. What the log itself has of the records is for
// the caller to destroy next, who then tells with FinishErasure.
//
// The entries are durable when it returns, the salts gone, and the root log is
// signed. The error is ErrNotYet if an offset is beyond the newest head. Offsets
// that were erased already are so once more: with an entry of their own. Many
// offsets take several rounds: with an error other than ErrNotYet come the entries
// of those that are done.
func (l *Ledger) Erase(ctx context.Context, t proof.Tree, offsets []proof.Range, by string) (done []Erased, err error) {
	if err := checkBy(by); err != nil {
		return nil, err
	}
	if _, err := proof.ParseRanges(proof.FormatRanges(offsets)); err != nil {
		return nil, err
	}
	if _, err := l.covering(t, offsets); err != nil {
		return nil, err
	}
	for piece := range pieces(offsets) {
		entries, err := l.eraseAtOnce(ctx, &eraseRequest{t, piece, by, make(chan erasedAnswer, 1)})
		done = append(done, entries...)
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// eraseAtOnce has Run do what a request asks for in one round.
func (l *Ledger) eraseAtOnce(ctx context.Context, r *eraseRequest) ([]Erased, error) {
	select {
	case l.erasing <- r:
	case <-l.over:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select { // what Run has taken may be done, whatever ctx says by now
	case a := <-r.answer:
		return a.entries, a.err
	case <-l.over:
	}
	select { // it may have been the last that Run did
	case a := <-r.answer:
		return a.entries, a.err
	default:
		return nil, ErrClosed
	}
}

// pieces are ranges that fit into one entry each.
func pieces(ranges []proof.Range) iter.Seq[[]proof.Range] {
	return func(yield func([]proof.Range) bool) {
		var piece []proof.Range
		room := int64(erasedAtOnce)
		for _, r := range ranges {
			for r.First <= r.Last {
				part := proof.Range{First: r.First, Last: min(r.Last, r.First+room-1)}
				piece, room, r.First = append(piece, part), room-part.Count(), part.Last+1
				if len(piece) < rangesInEntry && room > 0 {
					continue
				}
				if !yield(piece) {
					return
				}
				piece, room = nil, erasedAtOnce
			}
		}
		if len(piece) > 0 {
			yield(piece)
		}
	}
}

// checkBy refuses what cannot stand in a line of an entry.
func checkBy(by string) error {
	switch {
	case by == "":
		return errors.New("an erasure must say who asked for it")
	case len(by) > maxBy:
		return fmt.Errorf("who asks for an erasure has a name of %d bytes, and at most %d are possible", len(by), maxBy)
	case !utf8.ValidString(by) || strings.ContainsFunc(by, unicode.IsControl):
		return fmt.Errorf("who asks for an erasure has the name %q, which is not a line of text", by)
	}
	return nil
}

// erase does what a request asks for. The error is one that ends Run; what is
// wrong with the request is in the answer.
func (l *Ledger) erase(ctx context.Context, r *eraseRequest) error {
	if l.sharing != nil {
		return l.eraseShared(ctx, r)
	}
	entries, encoded, err := l.planErasure(r)
	if err != nil {
		r.answer <- erasedAnswer{err: err}
		return nil
	}
	first, _ := l.store.RootHead()
	if err := l.store.Erase(encoded); err != nil {
		r.answer <- erasedAnswer{err: err}
		return err
	}
	for i := range entries {
		entries[i].RootIndex = first + int64(i)
	}
	err = l.sign()
	r.answer <- erasedAnswer{entries, err}
	return err
}

// planErasure makes the entries for a request.
func (l *Ledger) planErasure(r *eraseRequest) (entries []Erased, encoded [][]byte, err error) {
	generations, err := l.covering(r.tree, r.offsets)
	if err != nil {
		return nil, nil, err
	}
	now := l.now()
	for _, head := range generations {
		part := below(r.offsets, head.Size)
		if len(part) == 0 {
			continue
		}
		e := proof.NewErased(now, head.Checkpoint, part, r.by)
		e.External = l.cfg.External
		entries = append(entries, Erased{head.Origin, store.Erasure{Time: time.UnixMilli(e.Time).UTC(), By: r.by, Offsets: part}})
		encoded = append(encoded, e.Bytes())
	}
	return entries, encoded, nil
}

// covering returns the heads of a partition's generations, the newest of which must
// have the offsets.
func (l *Ledger) covering(t proof.Tree, offsets []proof.Range) ([]store.Head, error) {
	heads, err := l.generations(t)
	if err != nil {
		return nil, err
	}
	if newest, last := heads[len(heads)-1], offsets[len(offsets)-1].Last; last >= newest.Size {
		return nil, fmt.Errorf("%w: offset %d is to be erased, and the newest head has %d", ErrNotYet, last, newest.Size)
	}
	return heads, nil
}

// generations returns the heads of a partition's generations, oldest first.
func (l *Ledger) generations(t proof.Tree) ([]store.Head, error) {
	var heads []store.Head
	t.Deployment = l.cfg.Origin
	for t.Generation = 0; ; t.Generation++ {
		h, err := l.Head(t.Origin())
		if errors.Is(err, ErrNoTree) {
			break
		}
		if err == nil {
			heads = append(heads, h)
		}
	}
	if len(heads) == 0 {
		return nil, fmt.Errorf("%w: topic %q, partition %d", ErrNoTree, t.Topic, t.Partition)
	}
	return heads, nil
}

// Ended returns how many leaves a partition's newest tree has, if it is closed.
func (l *Ledger) Ended(t proof.Tree) (size int64, ended bool) {
	heads, err := l.generations(t)
	if err != nil {
		return 0, false
	}
	newest := heads[len(heads)-1]
	return newest.Size, newest.Closed
}

// below is what ranges have below an offset.
func below(ranges []proof.Range, end int64) []proof.Range {
	var out []proof.Range
	for _, r := range ranges {
		if r.First < end {
			out = append(out, proof.Range{First: r.First, Last: min(r.Last, end-1)})
		}
	}
	return out
}

// Erasures returns what was erased of a partition, in all generations.
func (l *Ledger) Erasures(t proof.Tree) ([]Erased, error) {
	heads, err := l.generations(t)
	if err != nil {
		return nil, err
	}
	var all []Erased
	for _, h := range heads {
		id, _ := l.store.Find(h.Origin)
		for _, e := range l.store.Erasures(id) {
			all = append(all, Erased{h.Origin, e})
		}
	}
	return all, nil
}

// WasErased returns an error that says when an offset of a tree was erased, and
// who asked for it; nil if it was not.
func (l *Ledger) WasErased(origin string, offset int64) error {
	if id, ok := l.store.Find(origin); ok {
		if e, erased := l.store.Erased(id, offset); erased {
			return &store.ErasedError{Offset: offset, Erasure: e}
		}
	}
	return nil
}

// Unfinished returns the erasures whose records the log may still have.
func (l *Ledger) Unfinished() []Erased {
	var all []Erased
	for id, h := range l.store.Heads() {
		for _, e := range l.store.Erasures(id) {
			if !e.Done {
				all = append(all, Erased{h.Origin, e})
			}
		}
	}
	return all
}

// FinishErasure notes that the records of an erasure are gone.
func (l *Ledger) FinishErasure(e Erased) {
	if id, ok := l.store.Find(e.Origin); ok {
		l.store.FinishErasure(id, e.RootIndex)
	}
}

// A KnownTree is a tree with its newest head.
type KnownTree struct {
	proof.Tree
	store.Head
	// Deleted tells that it was closed because its topic was deleted.
	Deleted bool
}

// Trees returns the newest generation of each partition's trees that have a head.
func (l *Ledger) Trees() []KnownTree {
	newest := map[proof.Tree]KnownTree{}
	for _, h := range l.store.Heads() {
		t, err := proof.ParseOrigin(l.cfg.Origin, h.Origin)
		if err != nil || h.RootIndex < 0 {
			continue
		}
		key := t
		key.Generation = 0
		if known, ok := newest[key]; !ok || known.Generation < t.Generation {
			newest[key] = KnownTree{Tree: t, Head: h}
		}
	}
	var all []KnownTree
	for _, t := range newest {
		t.Deleted = t.Closed && l.isOfDeleted(t.Head)
		all = append(all, t)
	}
	return all
}

// TopicDeleted is the reason for which the tree of a topic that is gone is closed.
const TopicDeleted = "topic deleted"

// Who stands in the root log for having asked, where nobody has.
const (
	ByRetention = store.ByRetention
	ByDeletion  = store.ByDeletion
)

// isOfDeleted tells whether the topic of a closed tree was deleted.
func (l *Ledger) isOfDeleted(h store.Head) bool {
	e, err := l.store.Closing(h)
	return err == nil && e.Details[0] == "reason "+TopicDeleted
}
