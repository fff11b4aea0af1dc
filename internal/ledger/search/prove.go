package search

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/evidentlog/evident/internal/ledger"
	"github.com/evidentlog/evident/proof"
)

// maxBundle is how many bytes of records one proof file may have.
const maxBundle = 64 << 20

// Errors of [Searcher.Prove].
var (
	// ErrNotFound says that no record fits.
	ErrNotFound = errors.New("no record fits")
	// ErrTooMany says that more records fit than are wanted.
	ErrTooMany = errors.New("too many records fit")
	// ErrBehind says that records may be missing, which the index does not have yet.
	ErrBehind = errors.New("the index is behind")
	// ErrElsewhere says that records may be missing, which another node would find.
	ErrElsewhere = errors.New("a part of what is searched is another node's")
)

// A Prover makes proofs of records of one tree.
type Prover func(ctx context.Context, origin string, records ...ledger.Opened) (*proof.File, error)

// Prove makes a proof file of all records that fit, at most q.Limit or MaxLimit: each with the
// marker that committed it, if it was in a transaction. A bundle has every record
// that fits or there is none.
func (s *Searcher) Prove(ctx context.Context, q Query, prove Prover) (*proof.File, error) {
	if err := s.proving.take("searches for proofs"); err != nil {
		return nil, err
	}
	defer s.proving.free()
	b := &bundle{limit: cmp.Or(q.Limit, MaxLimit), records: map[string][]ledger.Opened{}}
	end, err := s.walk(ctx, q, func(h *hit, _ *walk) (bool, error) {
		return true, b.add(ctx, s.origin(h), h)
	})
	if err == nil {
		err = b.whole(&end)
	}
	if err != nil {
		return nil, err
	}
	file := &proof.File{}
	for _, origin := range b.origins {
		f, err := prove(ctx, origin, b.records[origin]...)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", origin, err)
		}
		file.Heads = append(file.Heads, f.Heads...)
	}
	return file, nil
}

func (s *Searcher) origin(h *hit) string {
	t := proof.Tree{
		Deployment: s.Ledger.Origin(), Topic: h.Topic, TopicID: h.name.TopicID,
		Partition: h.Partition, Generation: h.name.Generation,
	}
	return t.Origin()
}

// A bundle is what is to be proven.
type bundle struct {
	limit   int
	count   int
	bytes   int
	origins []string // in the order in which they were found
	records map[string][]ledger.Opened
}

// whole tells why the bundle may lack records, if it may, or has none.
func (b *bundle) whole(end *ending) error {
	switch {
	case end.next != nil:
		return fmt.Errorf("%w, or too many have to be read: %s; narrow the search", ErrTooMany, end.cut)
	case len(end.elsewhere) > 0:
		e := end.elsewhere[0]
		return fmt.Errorf("%w: partition %d of topic %q among others; this one searches its own only. Name the record, as in %s/%d@42, which any node proves, or ask the nodes one by one for where it is",
			ErrElsewhere, e.Partitions[0], e.Topic, e.Topic, e.Partitions[0])
	case len(end.behind) > 0:
		at := end.behind[0]
		return fmt.Errorf("%w: of %s/%d it has %d of %d offsets", ErrBehind, at.Topic, at.Partition, at.Searched, at.End)
	case b.count == 0:
		return ErrNotFound
	}
	return nil
}

func (b *bundle) add(ctx context.Context, origin string, h *hit) error {
	b.count++
	b.bytes += len(h.record.Record.Key) + len(h.record.Record.Value)
	for _, header := range h.record.Record.Headers {
		b.bytes += len(header.Key) + len(header.Value)
	}
	switch {
	case b.count > b.limit:
		return fmt.Errorf("%w: more than %d; narrow the search, or raise the limit, to %d at most", ErrTooMany, b.limit, MaxLimit)
	case b.bytes > maxBundle:
		return fmt.Errorf("%w: the first %d have more than %d bytes; narrow the search", ErrTooMany, b.count, maxBundle)
	}
	marker, ok, err := h.scanner.Marker(ctx)
	if err != nil {
		return err
	}
	if b.records[origin] == nil {
		b.origins = append(b.origins, origin)
	}
	b.records[origin] = append(b.records[origin], h.record)
	if ok {
		b.records[origin] = append(b.records[origin], marker)
	}
	return nil
}
