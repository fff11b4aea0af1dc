package search

import (
	"context"
	"errors"
	"fmt"

	"github.com/evidentlog/evident/internal/ledger/index"
	"github.com/evidentlog/evident/internal/ledger/opening"
)

// A walk is a search that is under way.
type walk struct {
	*Searcher
	query  Query
	terms  index.Terms
	visit  func(*hit) (bool, error)
	budget *budget
}

// partitions walks through the partitions that the query is about.
func (w *walk) partitions(ctx context.Context, end *ending) error {
	for _, p := range w.Index.Partitions(w.query.Topic) {
		from, ok := start(w.query.From, p.Name())
		if !ok {
			continue
		}
		if w.budget.over() {
			end.cut = w.budget.spent()
			end.next = &opening.Place{Topic: p.Name().Topic, Partition: p.Name().Partition, Offset: from}
			return nil
		}
		next, err := w.partition(ctx, p, from)
		if errors.Is(err, index.ErrCorrupt) {
			reached := p.Next()
			err = p.Mend(err)
			end.damaged(p.Name(), p.Next(), reached)
		}
		if err != nil {
			return err
		}
		if end.next = next; next != nil {
			end.cut = w.budget.spent()
			return nil
		}
		w.budget.moved = true
	}
	return nil
}

// partition walks through one; it tells where to go on if it did not come to the
// end.
func (w *walk) partition(ctx context.Context, p *index.Partition, from int64) (next *opening.Place, err error) {
	var scanner *opening.Scanner
	defer func() {
		if scanner != nil {
			scanner.Close()
		}
	}()
	for offset, err := range p.Find(w.terms, from) {
		if err != nil {
			return nil, err
		}
		at := opening.Place{Topic: p.Name().Topic, Partition: p.Name().Partition, Offset: offset}
		if w.budget.over() {
			return &at, nil
		}
		w.budget.moved = true
		if scanner == nil {
			if scanner, err = w.Reader.Scan(ctx, at.Topic, at.Partition); errors.Is(err, opening.ErrNoRecord) {
				return nil, nil // the topic is gone
			} else if err != nil {
				return nil, err
			}
			if scanner.TopicID() != p.Name().TopicID {
				return nil, nil // another one has its name
			}
		}
		more, err := w.look(ctx, p, scanner, at)
		if err != nil {
			return nil, fmt.Errorf("%v: %w", at, err)
		}
		if !more {
			return &at, nil
		}
	}
	return nil, nil
}

// look reads a candidate and visits it if it fits.
func (w *walk) look(ctx context.Context, p *index.Partition, scanner *opening.Scanner, at opening.Place) (more bool, err error) {
	w.budget.reads--
	w.metrics.reads.Inc()
	record, err := scanner.Read(ctx, at.Offset)
	if errors.Is(err, opening.ErrNoRecord) || errors.Is(err, opening.ErrNotCommitted) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	h := &hit{Place: at, name: p.Name(), record: record, event: eventOf(&record.Record), scanner: scanner}
	if !w.query.fits(&record.Record, &h.event) || w.Ledger.WasErased(w.origin(h), at.Offset) != nil {
		return true, nil
	}
	return w.visit(h)
}
