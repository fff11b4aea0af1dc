package search

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/evidentlog/evident/internal/ledger"
	"github.com/evidentlog/evident/internal/ledger/opening"
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
)

// A Prover makes proofs of records of one tree.
type Prover func(ctx context.Context, origin string, records ...ledger.Opened) (*proof.File, error)

// Prove makes a proof file of all records that fit, at most q.Limit or MaxLimit: each with the
// marker that committed it, if it was in a transaction. A bundle has every record
// that fits or there is none.
func (s *Searcher) Prove(ctx context.Context, q Query, prove Prover) (*proof.File, error) {
	b := &bundle{limit: cmp.Or(q.Limit, MaxLimit), records: map[string][]ledger.Opened{}}
	next, behind, err := s.walk(ctx, q, func(h *Hit, scanner *opening.Scanner) (bool, error) {
		return true, b.add(ctx, s.origin(h), h, scanner)
	})
	switch {
	case err != nil:
		return nil, err
	case next != nil:
		return nil, fmt.Errorf("%w, or too many have to be read: more than %d; narrow the search", ErrTooMany, mostRead)
	case len(behind) > 0:
		return nil, fmt.Errorf("%w: of %s/%d it has %d of %d offsets", ErrBehind, behind[0].Topic, behind[0].Partition, behind[0].Searched, behind[0].End)
	case b.count == 0:
		return nil, ErrNotFound
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

func (s *Searcher) origin(h *Hit) string {
	t := proof.Tree{
		Deployment: s.Ledger.Origin(), Topic: h.Topic, TopicID: h.Name.TopicID,
		Partition: h.Partition, Generation: h.Name.Generation,
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

func (b *bundle) add(ctx context.Context, origin string, h *Hit, scanner *opening.Scanner) error {
	b.count++
	b.bytes += len(h.Record.Record.Key) + len(h.Record.Record.Value)
	for _, header := range h.Record.Record.Headers {
		b.bytes += len(header.Key) + len(header.Value)
	}
	switch {
	case b.count > b.limit:
		return fmt.Errorf("%w: more than %d; narrow the search, or raise the limit, to %d at most", ErrTooMany, b.limit, MaxLimit)
	case b.bytes > maxBundle:
		return fmt.Errorf("%w: the first %d have more than %d bytes; narrow the search", ErrTooMany, b.count, maxBundle)
	}
	marker, ok, err := scanner.Marker(ctx)
	if err != nil {
		return err
	}
	if b.records[origin] == nil {
		b.origins = append(b.origins, origin)
	}
	b.records[origin] = append(b.records[origin], h.Record)
	if ok {
		b.records[origin] = append(b.records[origin], marker)
	}
	return nil
}
